// Numbers and times as people read them.

const NOTHING = '–';

function missing(value) {
  return value === null || value === undefined || Number.isNaN(value);
}

function count(value) {
  if (missing(value)) return NOTHING;
  const size = Math.abs(value);
  if (size < 10000) return whole(value);
  for (const [limit, unit] of [[1e6, 'K'], [1e9, 'M'], [1e12, 'B'], [1e15, 'T']]) {
    if (size < limit * 0.9995) return significant(value / (limit / 1000)) + unit;
  }
  return value.toExponential(2);
}

function whole(value) {
  return Math.round(value).toLocaleString('en-US');
}

function significant(value) {
  const size = Math.abs(value);
  return value.toFixed(size < 10 ? 2 : size < 100 ? 1 : 0).replace(/\.0+$/, '');
}

function money(value) {
  if (missing(value)) return NOTHING;
  const size = Math.abs(value);
  const sign = value < 0 ? '-$' : '$';
  if (size >= 10000) return sign + count(size);
  if (size >= 0.1 || size === 0) {
    return sign + size.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  }
  return sign + (size >= 0.0001 ? size.toFixed(4) : size.toPrecision(2));
}

function share(value) {
  if (missing(value)) return NOTHING;
  const percent = value * 100;
  const places = percent === 0 || percent === 100 ? 0 : Math.abs(percent) < 10 || percent > 99 ? 2 : 1;
  return percent.toFixed(places).replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '') + ' %';
}

function duration(seconds) {
  if (missing(seconds)) return NOTHING;
  if (seconds === 0) return '0 s';
  if (seconds < 1) return Math.round(seconds * 1000) + ' ms';
  if (seconds < 90) return significantShort(seconds) + ' s';
  if (seconds < 5400) return significantShort(seconds / 60) + ' min';
  if (seconds < 172800) return significantShort(seconds / 3600) + ' h';
  return significantShort(seconds / 86400) + ' d';
}

function significantShort(value) {
  return value.toFixed(value < 10 ? 1 : 0).replace(/\.0$/, '');
}

function hours(seconds) {
  return missing(seconds) ? NOTHING : (seconds / 3600).toLocaleString('en-US', {
    maximumFractionDigits: seconds < 360000 ? 1 : 0,
  }) + ' h';
}

function plural(number, one, many) {
  return count(number) + ' ' + (number === 1 ? one : many || one + 's');
}

// An instant in the page's time zone, as 2026-11-29 09:33.
function instant(seconds, zone) {
  if (missing(seconds)) return NOTHING;
  const parts = new Intl.DateTimeFormat('sv-SE', {
    timeZone: zone, dateStyle: 'short', timeStyle: 'short',
  });
  return parts.format(new Date(seconds * 1000));
}

function ago(seconds) {
  return seconds < 90 ? 'just now' : duration(seconds) + ' ago';
}

function clock(second) {
  return String(Math.floor(second / 3600)).padStart(2, '0') + ':'
    + String(Math.floor(second / 60) % 60).padStart(2, '0');
}
