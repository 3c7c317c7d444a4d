// Days are numbers, counted from the first day that the page has.

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const DAY = 86400000;
const LONGEST_DAILY = 62;
const WINDOW = 7;

class Calendar {
  constructor(firstDay) {
    this.start = Date.parse(firstDay + 'T00:00:00Z');
  }

  date(day) {
    return new Date(this.start + day * DAY);
  }

  iso(day) {
    return this.date(day).toISOString().slice(0, 10);
  }

  number(iso) {
    const at = Date.parse(iso + 'T00:00:00Z');
    return Number.isNaN(at) ? null : Math.round((at - this.start) / DAY);
  }

  short(day) {
    const date = this.date(day);
    return MONTHS[date.getUTCMonth()] + ' ' + date.getUTCDate();
  }

  // 0 is Monday.
  weekday(day) {
    return (this.date(day).getUTCDay() + 6) % 7;
  }

  span(from, to) {
    return from === to ? this.short(from) : this.short(from) + ' – ' + this.short(to);
  }
}

// The points of a range: single days up to 62, else whole weeks that end with the range. `window`
// is what a rate or a percentile at that point is taken over: a single day has too few runs.
function pointsOf(range) {
  const days = range.to - range.from + 1;
  const size = days <= LONGEST_DAILY ? 1 : 7;
  const points = [];
  for (let to = range.to; to >= range.from; to -= size) {
    const from = Math.max(range.from, to - size + 1);
    const window = size === 1 ? to - WINDOW + 1 : from;
    points.push({ from, to, window: Math.max(0, window), partial: to - from + 1 < size });
  }
  return points.reverse();
}
