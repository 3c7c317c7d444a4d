// Lays the page out and keeps it true to what the reader chose.

const WINGS = [
  {
    id: 'ci', title: 'CI', base: 'ci_runs', filters: CI_FILTERS, tiles: ciTiles,
    needs: ['ci_runs', 'ci_jobs'],
    fill: 'No workflow run is stored yet. Set GITHUB_REPOSITORY=owner/name and run: meltano run tap-github-actions target-telemetry-postgres',
    cards: [
      { id: 'outcomes', title: 'Outcome of runs', make: outcomesCard, definition: 'Attempts of workflow runs by how they ended, on the day they started. Failed: failure, timed_out, startup_failure. Skipped ones are left out.' },
      { id: 'success-rate', title: 'Success rate', make: successCard, definition: 'success ÷ (success + failed). First attempt: attempt 1 of each run. After re-runs: the last attempt of each run that is stored. A point with fewer than 5 attempts is blank.' },
      { id: 'run-time', title: 'Run time', make: (page) => timesCard(page, 'ci_run_times'), definition: 'Median and 95th percentile of how long finished attempts (success or failed) took. From bins 9 % wide: at most 4.4 % off.' },
      { id: 'queue', title: 'Wait for a runner', make: (page) => timesCard(page, 'ci_queue'), definition: 'How long jobs were queued before a runner took them. Skipped jobs, and jobs that a re-run carried over, are left out. From bins 9 % wide.' },
      { id: 'heat', title: 'When runs fail', make: heatCard, definition: 'Failed ÷ finished attempts by weekday and hour of their start, in percent. Under 2,000 attempts in blocks of 4 hours, blank below 5; else by the hour, blank below 20.' },
      { id: 'runner-cost', title: 'What runners cost', make: runnerCostCard, definition: 'Minutes of each job, rounded up, times the list price of its runner’s label on that day (table runner_prices). Public repositories and included minutes are free of it. Jobs on runners without a price are counted, not guessed.' },
      { id: 'workflows', title: 'Workflows side by side', size: 'wide', tableOnly: true, make: workflowsCard, definition: 'Per workflow: finished and failed attempts, success at the first attempt and at the last, p50 and p95 of run time, attempts after the first and the time they took, median time to green, cost of the jobs at list prices. Time to green: from the end of the first failed attempt on the default branch to the end of the next good one.' },
      { id: 'red', title: 'Red now', tableOnly: true, make: redCard, definition: 'Workflows whose newest finished attempt on the default branch failed, whatever the range. Default branch: main, else master, else the busiest.' },
      { id: 'jobs', title: 'Jobs: slow, failing, flaky, costly', size: 'wide', tableOnly: true, make: jobsCard, definition: 'Jobs that really ran. Flaky: a failure whose job passed on the same commit. Hours: all time on runners. Cost as above. The 60 jobs that take the most time; the others of a workflow are one.' },
      { id: 'steps', title: 'Where jobs break', tableOnly: true, make: stepsCard, definition: 'Failed or timed out steps of jobs, on the day of the step.' },
      { id: 'failed', title: 'Latest failed runs', size: 'wide', tableOnly: true, make: failedCard, definition: 'Failed attempts in the range, newest first; the newest 20,000 are kept one by one, titles of the newest 1,000.' },
      { id: 'coverage', title: 'Line coverage', needs: ['coverage'], make: coverageCard, definition: 'The last coverage report of each day by repository, branch and report; it stands until the next one. Change: against the first report in the range.' },
    ],
  },
  {
    id: 'llm', title: 'LLM calls', base: 'llm_calls', filters: LLM_FILTERS, tiles: llmTiles,
    needs: ['llm_calls'],
    fill: 'No LLM call is stored yet. Set TELEMETRY_CSV_PATH=usage.csv and run: meltano run tap-llm-csv target-telemetry-postgres',
    cards: [
      { id: 'model-cost', title: 'Cost by model', make: modelCostCard, definition: 'Sum of estimated_cost in US dollars by day and model. Calls without a known price are counted beside it, not guessed.' },
      { id: 'tokens', title: 'Tokens', make: tokensCard, definition: 'Input tokens (what was read from cache shown apart) and output tokens. The share from cache counts only calls that record it.' },
      { id: 'latency', title: 'Latency', make: latencyCard, definition: 'Median and 95th percentile of duration_ms of calls that did not fail. From bins 9 % wide: at most 4.4 % off.' },
      { id: 'error-rate', title: 'Error rate', make: errorRateCard, definition: 'Failed calls ÷ calls whose outcome is known. A point with fewer than 5 is blank.' },
      { id: 'reasons', title: 'Why calls fail', tableOnly: true, make: reasonsCard, definition: 'Error messages of failed calls, digits as #, a bracket at the end cut. The 40 most frequent.' },
      { id: 'money', title: 'Where the money goes', tableOnly: true, tabs: ['phase', 'prompt', 'user', 'source', 'session'], make: moneyCard, definition: 'Calls and their estimated cost by phase, prompt, user, source or session; the 40 that cost most (200 sessions), the rest as one. Errors: of calls with a known outcome.' },
      { id: 'models', title: 'Models side by side', size: 'wide full', tableOnly: true, make: modelsCard, definition: 'Per success: cost ÷ calls that did not fail. Tokens/s: output tokens ÷ duration of calls that did not fail. Cache: input read from cache ÷ input, of calls that record it.' },
    ],
  },
  {
    id: 'estimation', title: 'Token estimates', base: 'estimation', filters: ['model'], tiles: estimationTiles,
    needs: ['estimation'],
    fill: 'No estimate is stored yet. Set TELEMETRY_CSV_PATH to the exported events (.csv or .ndjson) and run: meltano run tap-llm-csv target-telemetry-postgres',
    cards: [
      { id: 'smape', title: 'How far off', make: errorOfEstimatesCard, definition: 'SMAPE: |actual − predicted| ÷ half of their sum, of answers that were not truncated and where both are positive. A point with fewer than 5 is blank. From bins 9 % wide.' },
      { id: 'strata', title: 'By category and complexity', size: 'wide', tableOnly: true, make: strataCard, definition: 'Samples: estimates that can be judged (not truncated, both counts positive). Under: the answer was longer than predicted. Fewer than 20 samples are marked.' },
    ],
  },
  {
    id: 'chat', title: 'Chat requests', base: 'chat', filters: ['model'], tiles: chatTiles,
    needs: ['chat'],
    fill: 'No chat request is stored yet, or this role may not read them. Set TELEMETRY_CSV_PATH to the log and run: meltano run tap-llm-csv target-telemetry-postgres',
    cards: [
      { id: 'requests', title: 'Requests', make: requestsCard, definition: 'Requests by day; failed: those with an error_type. Model: the one that wrote the SQL.' },
      { id: 'chat-reasons', title: 'Why requests fail', size: 'wide', tableOnly: true, make: chatErrorsCard, definition: 'Requests with an error_type, by that and by the step that failed. Cost: tokens at the dated prices of model_prices, cached input at its own rate. Duration: the three steps together, of requests that did not fail.' },
    ],
  },
  {
    id: 'traces', title: 'Pull requests', base: 'traces', filters: ['repository', 'branch'], tiles: traceTiles,
    needs: ['traces'],
    fill: 'No pull request is traced yet. Put the batches into .telemetry/pr-traces/ and run: meltano run tap-llm-csv target-telemetry-postgres',
    cards: [
      { id: 'pull-requests', title: 'Traced pull requests', size: 'wide full', tableOnly: true, make: tracesCard, definition: 'On the day on which the pull request was opened, else of its first event. First test: from the first event to the first test. Red to green: median time from a failed test to the next good one. Failed: commands that ended with another code than 0.' },
    ],
  },
  {
    id: 'pipelines', title: 'Pipelines', filters: [], needs: [],
    cards: [
      { id: 'loads', title: 'Is it complete and fresh?', size: 'wide full', tableOnly: true, make: loadsCard, definition: 'The ledger of the target (view pipeline_health): each stream’s newest load, when it last succeeded, and what the last 7 days read and rejected. Filters do not apply here.' },
    ],
  },
];

class Page {
  constructor(data) {
    this.data = data;
    this.calendar = new Calendar(data.first_day);
    this.memory = new Map();
    this.barElement = document.getElementById('bar');
    this.choices = this.everyChoice();
    this.state = new State(data, this.calendar, this.lastDay());
    this.bar = new Bar(this);
    this.warning = element('div', { class: 'warning', role: 'alert' });
    this.headline = element('section', { class: 'headline', 'aria-label': 'In short' });
    this.wings = WINGS.map((wing) => this.wing(wing));
    document.getElementById('content').replaceChildren(
      this.warning, this.headline, ...this.wings.map((wing) => wing.root), this.foot());
    this.watch();
    this.state.listeners.push(() => this.update());
    this.update();
  }

  has(name) {
    return Boolean(this.data.cubes[name] && this.data.cubes[name].rows);
  }

  lastDay() {
    const days = ['ci_runs', 'ci_jobs', 'llm_calls', 'coverage', 'estimation', 'chat', 'traces'].filter((name) => this.has(name))
      .map((name) => this.data.cubes[name].newest);
    return days.length ? Math.max(...days) : this.data.days - 1;
  }

  everyChoice() {
    const choices = {};
    for (const name of FILTERS) {
      const values = new Map();
      for (const base of ['ci_runs', 'llm_calls']) {
        if (!this.has(base) || !this.data.cubes[base].dimensions.includes(name)) continue;
        const cube = this.data.cubes[base];
        const amounts = cube.column(base === 'ci_runs' ? 'attempts' : 'calls');
        const sums = new Float64Array(cube.slices);
        for (let row = 0; row < cube.rows; row++) sums[cube.slice[row]] += amounts[row];
        for (let slice = 0; slice < cube.slices; slice++) {
          const value = cube.text(name, slice);
          values.set(value, (values.get(value) || 0) + sums[slice]);
        }
      }
      choices[name] = [...values].sort((one, other) => other[1] - one[1]).map(([value]) => value);
    }
    return choices;
  }

  // What is worked out once for a choice of the reader.
  once(key, make) {
    if (!this.memory.has(key)) this.memory.set(key, make());
    return this.memory.get(key);
  }

  // How a point is called; a rate's point is taken over a window that ends with it.
  words(windowed) {
    return (point) => (windowed && point.window < point.from
      ? this.calendar.span(point.window, point.to) : this.calendar.span(point.from, point.to));
  }

  wing(described) {
    const filled = described.needs.every((name) => this.has(name));
    const heading = element('h2', { id: 'wing-' + described.id, text: described.title });
    const aside = element('span', { class: 'aside' });
    const tiles = element('div', { class: 'tiles' });
    const cards = filled ? described.cards
      .filter((card) => !card.needs || card.needs.every((name) => this.has(name)))
      .map((card) => new Card(this, card)) : [];
    const root = element('section', { class: 'wing', 'aria-labelledby': 'wing-' + described.id },
      element('div', { class: 'winghead' }, heading, aside));
    if (filled) root.append(tiles, element('div', { class: 'grid' }, cards.map((card) => card.root)));
    else root.append(element('p', { class: 'fill', text: described.fill }));
    return { described, filled, aside, tiles, cards, root };
  }

  foot() {
    return element('footer', {},
      element('p', { text: 'Written by telemetry dashboard on ' + instant(this.data.built_at, this.data.zone) + ' (' + this.data.zone + ').'
        + ' Drag over a chart to look at a part of the time; click a point for its runs; arrow keys walk through a chart.' }),
      element('p', { text: 'Charts: Apache ECharts 6.1, Apache License 2.0, with parts of d3, BSD 3-Clause.' }));
  }

  // Cards in sight are drawn; the others say their figures when the browser has time.
  watch() {
    this.seen = new Set();
    const observer = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const { card } = entry.target;
        if (entry.isIntersecting) {
          this.seen.add(card);
          card.draw();
        } else {
          this.seen.delete(card);
        }
      }
    }, { rootMargin: '150px' });
    for (const card of this.cards()) observer.observe(card.root);
    window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.update());
    window.addEventListener('beforeprint', () => this.print());
    window.addEventListener('afterprint', () => this.update());
  }

  cards() {
    return this.wings.flatMap((wing) => wing.cards);
  }

  update() {
    this.memory.clear();
    this.range = this.state.range;
    this.points = pointsOf(this.range);
    this.setTheme(this.state.theme);
    this.bar.update();
    this.tell();
    for (const card of this.cards()) card.spoil();
    for (const wing of this.wings) this.updateWing(wing);
    for (const card of this.seen) card.draw();
    this.later();
  }

  setTheme(theme) {
    const dark = theme === 'dark' || (theme === 'auto' && window.matchMedia('(prefers-color-scheme: dark)').matches);
    document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  }

  updateWing(wing) {
    const { described, aside, tiles } = wing;
    if (!wing.filled || !described.tiles) return;
    const figures = described.tiles(this);
    tiles.replaceChildren(...figures.map((tile) => tileOf(this, tile)));
    const deaf = FILTERS.filter((name) => this.state.chosen[name].size && !described.filters.includes(name));
    aside.replaceChildren(deaf.length ? 'has no ' + deaf.join(' and no ') + ': that filter does not apply here. ' : '');
    if (figures.some((tile) => 'change' in tile) && !figures.some((tile) => tile.change)) aside.append('No earlier period that the data covers to compare with. ');
    const cube = this.data.cubes[described.base];
    const { newest } = cube;
    if (newest < this.range.from) {
      aside.append(`Nothing in this range; the newest is of ${this.calendar.iso(newest)} `, element('button', {
        type: 'button', text: 'go there', onclick: () => this.state.chooseDates(newest - 29, newest),
      }));
    }
  }

  later() {
    const idle = window.requestIdleCallback || ((work) => setTimeout(work, 50));
    const round = (this.round = (this.round || 0) + 1);
    const step = () => {
      if (round !== this.round) return;
      const next = this.cards().find((card) => card.stale);
      if (!next) {
        document.documentElement.dataset.ready = String(round);
        return;
      }
      next.make();
      idle(step);
    };
    delete document.documentElement.dataset.ready;
    idle(step);
  }

  // The three questions with which people come.
  tell() {
    this.warning.replaceChildren(...warnings(this).map((text) => element('p', { text })));
    const parts = [];
    if (this.has('ci_runs')) parts.push(['What failed?', this.failures()]);
    if (this.has('ci_jobs') || this.has('llm_calls')) parts.push(['What did it cost?', this.costs()]);
    parts.push(['Is it fresh?', [freshness(this)]]);
    this.headline.replaceChildren(...parts.map(([question, answers]) => element('div', { class: 'question' },
      element('h2', { text: question }), answers.map((answer) => element('p', {}, answer)))));
  }

  failures() {
    const total = runSums(this, this.range).sum(this.range.from, this.range.to);
    const all = total[GOOD] + total[BAD];
    const red = redRows(this);
    const said = [all ? `${count(total[BAD])} of ${plural(all, 'attempt')}, ${share(total[BAD] / all)}.` : 'No attempt finished in this range.'];
    const names = red.slice(0, 3).flatMap((row, at) => [at ? ', ' : '', linked(row.workflow, runAddress(this.data, row.repository, row.run_id, row.attempt))]);
    said.push(red.length ? element('span', {}, 'Red now: ', names, red.length > 3 ? ` and ${red.length - 3} more.` : '.')
      : 'Nothing is red on a default branch now.');
    return said;
  }

  costs() {
    const said = [];
    if (this.has('llm_calls')) {
      const total = callTotals(this, this.range);
      said.push(`${money(dollars(total))} for ${plural(total.calls, 'LLM call')}` + (total.unpriced ? `, ${count(total.unpriced)} of them without a price.` : '.'));
    }
    if (this.has('ci_jobs')) {
      const { cube, kept } = ciSelection(this, 'ci_jobs');
      const sums = dailySums(cube, kept, this.range, ['microdollars', 'minutes']).sum(this.range.from, this.range.to);
      said.push(`${money(sums[0] / 1e6)} for ${plural(sums[1], 'minute')} on runners, at list prices.`);
    }
    return said;
  }

  // On paper: light, every card drawn, tables cut.
  print() {
    this.setTheme('light');
    for (const card of this.cards()) {
      card.undrawn = true;
      card.draw();
      if (card.chart) card.chart.chart.resize();
    }
  }
}

loadData().then((data) => {
  window.telemetryPage = new Page(data);
}).catch((error) => {
  document.getElementById('content').replaceChildren(
    element('p', { class: 'loading', role: 'alert', text: 'The page could not be shown: ' + error.message }));
});
