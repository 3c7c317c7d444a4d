// Elements of the page. Data is only ever put in as text.

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (name === 'text') made.textContent = value;
    else made.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) made.append(child);
  }
  return made;
}

function drawn(tag, attributes) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

// A link where the address is one of the web; else only the text.
function linked(text, address) {
  if (!address || !/^https?:\/\//i.test(address)) return document.createTextNode(text);
  return element('a', { href: address, target: '_blank', rel: 'noopener noreferrer', text });
}

function runAddress(data, repository, runId, attempt) {
  const known = (data.tables.repositories || []).find((row) => row.repository === repository);
  return known && known.address ? known.address + runId + '/attempts/' + attempt : null;
}

function sparkline(values) {
  const width = 120;
  const height = 28;
  const svg = drawn('svg', { viewBox: `0 0 ${width} ${height}`, class: 'spark', 'aria-hidden': 'true', preserveAspectRatio: 'none' });
  const known = values.filter((value) => !missing(value));
  if (known.length < 2) return svg;
  const low = Math.min(...known);
  const high = Math.max(...known);
  let path = '';
  let pen = 'M';
  values.forEach((value, at) => {
    if (missing(value)) {
      pen = 'M';
      return;
    }
    const x = (at / (values.length - 1)) * width;
    const y = height - 3 - ((value - low) / (high - low || 1)) * (height - 6);
    path += pen + x.toFixed(1) + ' ' + y.toFixed(1);
    pen = 'L';
  });
  svg.append(drawn('path', { d: path, fill: 'none', 'vector-effect': 'non-scaling-stroke' }));
  return svg;
}

function save(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  element('a', { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

// A text that begins like a formula gets an apostrophe: spreadsheets would run it.
function csvOf(columns, rows) {
  const cell = (value) => {
    if (missing(value)) return '';
    const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? "'" + value : String(value);
    return /[",\n\r]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  };
  const lines = [columns.map((column) => cell(column.title))];
  for (const row of rows) lines.push(columns.map((column) => cell(column.value(row))));
  return lines.map((line) => line.join(',')).join('\r\n') + '\r\n';
}

function say(text) {
  document.getElementById('live').textContent = text;
}
