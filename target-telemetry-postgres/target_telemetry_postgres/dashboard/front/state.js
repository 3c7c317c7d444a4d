// What the reader chose: kept in the address, so that a link shows the same page.

const FILTERS = ['repository', 'workflow', 'branch', 'environment', 'phase', 'model'];
const PRESETS = [['7', '7 d'], ['30', '30 d'], ['90', '90 d'], ['all', 'all']];
const THEMES = ['auto', 'light', 'dark'];

class State {
  constructor(data, calendar, lastDay) {
    this.data = data;
    this.calendar = calendar;
    this.lastDay = lastDay;
    this.listeners = [];
    this.read();
    window.addEventListener('hashchange', () => {
      if (window.location.hash === this.written) return;
      this.read();
      this.tell();
    });
  }

  read() {
    const asked = new URLSearchParams(window.location.hash.slice(1));
    this.preset = PRESETS.some(([name]) => name === asked.get('range')) ? asked.get('range') : '30';
    this.dates = null;
    const from = asked.get('from') && this.calendar.number(asked.get('from'));
    const to = asked.get('to') && this.calendar.number(asked.get('to'));
    if (Number.isInteger(from) && Number.isInteger(to) && from <= to) this.dates = this.inside(from, to);
    this.chosen = {};
    for (const name of FILTERS) this.chosen[name] = new Set(asked.getAll(name));
    this.theme = THEMES.includes(asked.get('theme')) ? asked.get('theme') : 'auto';
  }

  inside(from, to) {
    const last = this.data.days - 1;
    return { from: Math.min(Math.max(0, from), last), to: Math.min(Math.max(0, to), last) };
  }

  get range() {
    if (this.dates) return this.dates;
    if (this.preset === 'all') return { from: 0, to: this.lastDay };
    // 90 days are 13 whole weeks.
    const days = this.preset === '90' ? 91 : Number(this.preset);
    return { from: Math.max(0, this.lastDay - days + 1), to: this.lastDay };
  }

  get before() {
    const { from, to } = this.range;
    return { from: from - (to - from + 1), to: from - 1 };
  }

  choosePreset(name) {
    this.preset = name;
    this.dates = null;
    this.changed();
  }

  chooseDates(from, to) {
    this.dates = this.inside(Math.min(from, to), Math.max(from, to));
    this.changed();
  }

  toggle(name, value, on) {
    if (on) this.chosen[name].add(value);
    else this.chosen[name].delete(value);
    this.changed();
  }

  clear(names) {
    for (const name of names) this.chosen[name].clear();
    this.changed();
  }

  chooseTheme(theme) {
    this.theme = theme;
    this.changed();
  }

  changed() {
    const asked = new URLSearchParams();
    if (this.dates) {
      asked.set('from', this.calendar.iso(this.dates.from));
      asked.set('to', this.calendar.iso(this.dates.to));
    } else {
      asked.set('range', this.preset);
    }
    for (const name of FILTERS) for (const value of this.chosen[name]) asked.append(name, value);
    if (this.theme !== 'auto') asked.set('theme', this.theme);
    this.written = '#' + asked.toString();
    window.history.replaceState(null, '', this.written);
    this.tell();
  }

  tell() {
    for (const listener of this.listeners) listener();
  }
}
