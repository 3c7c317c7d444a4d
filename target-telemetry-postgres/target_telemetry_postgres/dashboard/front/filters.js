// The bar at the top: how long a time, which repositories, branches, models; light or dark.

const FILTER_WORDS = {
  repository: 'repositories', workflow: 'workflows', branch: 'branches',
  environment: 'environments', phase: 'phases', model: 'models',
};

class Bar {
  constructor(page) {
    this.page = page;
    const { state, data, calendar } = page;
    this.presets = PRESETS.map(([name, text]) => element('button', {
      type: 'button', text, 'data-preset': name, onclick: () => state.choosePreset(name),
    }));
    const day = (label) => element('input', {
      type: 'date', 'aria-label': label, min: calendar.iso(0), max: calendar.iso(data.days - 1),
      onchange: () => this.takeDates(),
    });
    this.from = day('First day');
    this.to = day('Last day');
    this.menus = FILTERS.map((name) => this.menu(name)).filter(Boolean);
    this.clear = element('button', {
      type: 'button', class: 'clear', text: 'clear filters', onclick: () => state.clear(FILTERS),
    });
    this.theme = element('button', {
      type: 'button', class: 'theme',
      onclick: () => state.chooseTheme(THEMES[(THEMES.indexOf(state.theme) + 1) % THEMES.length]),
    });
    this.fold = element('button', {
      type: 'button', class: 'fold', text: 'Filters', 'aria-expanded': 'false', 'aria-controls': 'filters',
      onclick: () => {
        const open = this.filters.classList.toggle('open');
        this.fold.setAttribute('aria-expanded', String(open));
      },
    });
    this.filters = element('div', { class: 'filters', id: 'filters' },
      element('div', { class: 'dates' }, this.from, element('span', { text: '–' }), this.to),
      ...this.menus.map((menu) => menu.root), this.clear);
    this.scope = element('p', { class: 'scope' });
    page.barElement.replaceChildren(
      element('div', { class: 'line' },
        element('h1', { text: 'Engineering telemetry' }),
        element('div', { class: 'presets', role: 'group', 'aria-label': 'Range' }, this.presets),
        this.fold, this.filters, this.theme),
      this.scope);
    document.addEventListener('click', (event) => {
      for (const { root } of this.menus) if (!root.contains(event.target)) root.open = false;
    });
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') for (const { root } of this.menus) root.open = false;
    });
  }

  takeDates() {
    const { state, calendar } = this.page;
    const from = calendar.number(this.from.value);
    const to = calendar.number(this.to.value);
    if (from !== null && to !== null) state.chooseDates(from, to);
  }

  // The values that the page tells apart, the most frequent first; none where there is no choice.
  menu(name) {
    const values = this.page.choices[name];
    if (values.length < 2) return null;
    const summary = element('summary', {});
    const boxes = values.map((value) => element('input', {
      type: 'checkbox', onchange: (event) => this.page.state.toggle(name, value, event.target.checked),
    }));
    const labels = values.map((value, at) => element('label', {}, boxes[at], element('span', { text: value })));
    const search = values.length < 12 ? null : element('input', {
      type: 'search', placeholder: 'Find', 'aria-label': 'Find ' + FILTER_WORDS[name],
      oninput: (event) => {
        const wanted = event.target.value.toLowerCase();
        labels.forEach((label, at) => { label.hidden = !values[at].toLowerCase().includes(wanted); });
      },
    });
    const list = element('div', { class: 'choices', role: 'group', 'aria-label': FILTER_WORDS[name] }, search, labels);
    return { name, values, boxes, summary, root: element('details', { class: 'menu', 'data-filter': name }, summary, list) };
  }

  update() {
    const { state, calendar, data } = this.page;
    const { from, to } = state.range;
    for (const button of this.presets) {
      button.setAttribute('aria-pressed', String(!state.dates && button.dataset.preset === state.preset));
    }
    this.from.value = calendar.iso(from);
    this.to.value = calendar.iso(to);
    let filtered = 0;
    for (const { name, values, boxes, summary, root } of this.menus) {
      const chosen = [...state.chosen[name]];
      filtered += chosen.length;
      summary.textContent = !chosen.length ? 'All ' + FILTER_WORDS[name]
        : chosen.length === 1 ? chosen[0] : chosen.length + ' ' + FILTER_WORDS[name];
      root.classList.toggle('active', chosen.length > 0);
      boxes.forEach((box, at) => { box.checked = state.chosen[name].has(values[at]); });
    }
    this.clear.hidden = !filtered;
    this.fold.textContent = filtered ? 'Filters (' + filtered + ')' : 'Filters';
    this.theme.textContent = { auto: '◐', light: '☀', dark: '☾' }[state.theme] + ' ' + state.theme;
    this.theme.setAttribute('aria-label', 'Theme: ' + state.theme);
    const daily = pointsOf(state.range)[0];
    this.scope.textContent = calendar.iso(from) + ' – ' + calendar.iso(to) + ', days in ' + data.zone + ', '
      + (daily && state.range.to - state.range.from < LONGEST_DAILY ? 'daily points, rates and percentiles over 7 days' : 'weekly points')
      + '; page of ' + instant(data.built_at, data.zone)
      + (data.without.length ? '; made without ' + data.without.join(', ') : '');
  }
}
