// A card: title, the answer in a sentence, a chart or a table, and its table, CSV and definition.
//
// `made` is what a card shows: {answer, chart?, columns, rows, heat?, blind?, empty?}. It is made
// when the card comes into sight or the browser has time, and drawn only in sight.

const ROWS_SHOWN = 8;

class Card {
  constructor(page, described) {
    this.page = page;
    this.described = described;
    this.stale = true;
    this.undrawn = true;
    this.all = false;
    this.order = null;
    const id = 'card-' + described.id;
    this.answer = element('p', { class: 'answer' });
    this.definition = element('p', { class: 'definition', id: id + '-definition', hidden: true, text: described.definition });
    this.tabs = element('div', { class: 'tabs', role: 'group', 'aria-label': 'Divide by' });
    this.legend = element('ul', { class: 'legend', 'aria-hidden': 'true' });
    this.plot = element('div', { class: 'plot' });
    this.table = element('div', { class: 'table', id: id + '-table', tabindex: '0', role: 'region', 'aria-label': described.title + ', table' });
    this.tableButton = element('button', {
      type: 'button', text: 'table', 'aria-expanded': 'false', 'aria-controls': id + '-table',
      onclick: () => this.showTable(this.table.hidden),
    });
    const question = element('button', {
      type: 'button', text: '?', 'aria-label': 'How is this counted: ' + described.title,
      'aria-expanded': 'false', 'aria-controls': id + '-definition',
      onclick: () => {
        this.definition.hidden = !this.definition.hidden;
        question.setAttribute('aria-expanded', String(!this.definition.hidden));
      },
    });
    const csv = element('button', {
      type: 'button', text: 'csv', 'aria-label': 'Save as CSV: ' + described.title,
      onclick: () => save(described.id + '.csv', csvOf(this.made.columns, this.made.rows)),
    });
    this.tableButton.setAttribute('aria-label', 'Table: ' + described.title);
    this.buttons = element('div', { class: 'buttons' },
      described.tableOnly ? null : this.tableButton, csv, question);
    this.root = element('section', { class: 'card ' + (described.size || ''), id, 'aria-labelledby': id + '-title' },
      element('div', { class: 'head' },
        element('h3', { id: id + '-title', text: described.title }), this.buttons),
      this.tabs, this.answer, this.definition, this.legend, this.plot, this.table);
    this.root.card = this;
    this.table.hidden = !described.tableOnly;
    this.plot.hidden = Boolean(described.tableOnly);
    this.makeTabs();
  }

  makeTabs() {
    this.tab = (this.described.tabs || [])[0];
    this.tabs.hidden = !this.tab;
    for (const name of this.described.tabs || []) {
      this.tabs.append(element('button', {
        type: 'button', text: name, 'aria-pressed': String(name === this.tab),
        onclick: () => {
          this.tab = name;
          this.all = false;
          for (const button of this.tabs.children) {
            button.setAttribute('aria-pressed', String(button.textContent === name));
          }
          this.spoil();
          this.draw();
        },
      }));
    }
  }

  spoil() {
    this.stale = true;
    this.undrawn = true;
  }

  // What the card says, without drawing it.
  make() {
    if (!this.stale) return;
    this.stale = false;
    this.made = this.described.make(this.page, this.tab);
    const { blind } = this.made;
    const unable = blind && blind.length;
    if (unable) {
      this.made = {
        answer: 'Not told apart by ' + blind.join(' and ') + ' on this page: take that filter off to see it.',
        columns: [], rows: [],
      };
    }
    this.answer.textContent = this.made.answer;
    this.root.classList.toggle('empty', Boolean(unable || this.made.empty));
    this.fillTable();
  }

  draw() {
    this.make();
    if (!this.undrawn) return;
    this.undrawn = false;
    const { chart, heat } = this.made;
    const drawable = Boolean(chart || heat) && !this.made.empty;
    this.plot.hidden = !drawable;
    this.legend.hidden = !chart || this.made.empty || chart.series.length < 2;
    if (!drawable) return;
    if (heat) {
      this.plot.classList.add('heat');
      this.plot.replaceChildren(heat);
      return;
    }
    this.legend.replaceChildren(...chart.series.map((series, place) => element('li', {},
      element('i', { class: 'swatch ' + (series.tone || SERIES_TONES[place % SERIES_TONES.length]) + (series.dashed ? ' dashed' : '') }),
      series.name)));
    if (!this.chart) this.chart = new TimeChart(this.plot, this.page);
    this.chart.draw({ ...chart, label: this.described.title + '. ' + this.made.answer + ' Arrow keys walk through the points.' });
  }

  showTable(shown) {
    this.table.hidden = !shown;
    this.tableButton.setAttribute('aria-expanded', String(shown));
    this.root.classList.toggle('with-table', shown);
  }

  sorted() {
    const { columns, rows } = this.made;
    if (!this.order) return rows;
    const column = columns.find((one) => one.title === this.order.title);
    if (!column) return rows;
    const sign = this.order.down ? -1 : 1;
    return [...rows].sort((one, other) => {
      const [a, b] = [column.value(one), column.value(other)];
      if (missing(a) || missing(b)) return missing(a) - missing(b);
      return sign * (typeof a === 'string' ? a.localeCompare(b) : a - b);
    });
  }

  fillTable() {
    const { columns, rows } = this.made;
    if (!rows.length) {
      this.table.replaceChildren();
      return;
    }
    const shown = this.all ? this.sorted() : this.sorted().slice(0, ROWS_SHOWN);
    const head = element('tr', {}, columns.map((column) => this.heading(column)));
    const body = shown.map((row) => element('tr', {}, columns.map((column, place) => cellOf(column, row, place, rows))));
    const more = rows.length <= ROWS_SHOWN ? null : element('button', {
      type: 'button', class: 'more',
      text: this.all ? 'show fewer' : 'show all ' + whole(rows.length),
      onclick: () => {
        this.all = !this.all;
        this.fillTable();
      },
    });
    this.table.replaceChildren(
      element('table', {}, element('thead', {}, head), element('tbody', {}, body)), ...(more ? [more] : []));
  }

  heading(column) {
    const ordered = this.order && this.order.title === column.title;
    const sort = ordered ? (this.order.down ? 'descending' : 'ascending') : null;
    return element('th', { scope: 'col', class: column.left ? '' : 'right', 'aria-sort': sort },
      element('button', {
        type: 'button', text: column.title + (ordered ? (this.order.down ? ' ↓' : ' ↑') : ''),
        onclick: () => {
          this.order = { title: column.title, down: ordered ? !this.order.down : !column.left };
          this.fillTable();
        },
      }));
  }
}

function cellOf(column, row, place, rows) {
  const value = column.value(row);
  const text = column.format ? column.format(value, row) : missing(value) ? NOTHING : String(value);
  const cell = element(place === 0 ? 'th' : 'td', {
    scope: place === 0 ? 'row' : null,
    class: [column.left ? 'left' : 'right', column.tone ? column.tone(row) : ''].join(' ').trim() || null,
  });
  cell.append(column.address ? linked(text, column.address(row)) : document.createTextNode(text));
  if (column.under) cell.append(element('small', { text: column.under(row) }));
  if (column.bar) {
    const most = Math.max(...rows.map((one) => column.value(one) || 0));
    const bar = element('i', { class: 'meter' });
    bar.style.width = most > 0 ? Math.max(1, (100 * (value || 0)) / most) + '%' : '0';
    cell.append(bar);
  }
  return cell;
}

// Columns of a chart's own table: the points, then a column a series.
function chartTable(page, chart) {
  const rows = chart.points.map((point, at) => ({ point, at }));
  const columns = [
    { title: chart.points.some((point) => point.from !== point.to) ? 'week from' : 'day', left: true, value: (row) => page.calendar.iso(row.point.from) },
    ...chart.series.map((series) => ({
      title: series.name,
      value: (row) => (missing(series.values[row.at]) ? null : series.values[row.at]),
      format: (value) => (chart.format)(value),
    })),
  ];
  return { columns, rows: rows.reverse() };
}

// A tile: a figure, how it changed, and its course.
function tileOf(page, described) {
  const { value, text, change, course, note } = described;
  const words = element('p', { class: 'change' });
  if (change && !missing(change.before) && change.before !== 0 && !missing(value)) {
    const grown = value / change.before - 1;
    const same = Math.abs(grown) < 0.0005;
    const bad = change.better && !same && (grown > 0) !== (change.better === 'more');
    words.append(element('span', {
      class: same || !change.better ? 'even' : bad ? 'worse' : 'better',
      text: (same ? '= ' : grown > 0 ? '▲ ' : '▼ ') + share(Math.abs(grown)),
    }), ' vs ' + change.format(change.before) + ' before');
  } else {
    words.textContent = note || (missing(value) ? 'nothing in this range' : '');
  }
  return element('div', { class: 'tile', id: 'tile-' + described.id },
    element('h3', { text: described.title }),
    element('p', { class: 'figure', text, 'data-value': missing(value) ? '' : value }),
    words, course ? sparkline(course) : null);
}
