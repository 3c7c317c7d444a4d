// CI: what failed, how long it took, what it cost.

const CI_FILTERS = ['repository', 'workflow', 'branch'];
const [GOOD, BAD, STOPPED, OTHER, FIRST_GOOD, FIRST_BAD, LAST_GOOD, LAST_BAD, RERUNS, RERUN_SECONDS] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

function ciSelection(page, name) {
  const cube = page.data.cubes[name];
  return page.once('selection ' + name, () => ({ cube, ...selectionOf(cube, page.state, CI_FILTERS) }));
}

function ofKind(cube, test) {
  const kinds = cube.column('kind');
  const attempts = cube.column('attempts');
  return (row) => (test(kinds[row]) ? attempts[row] : 0);
}

function runColumnsOf(cube) {
  const outcome = (wanted) => ofKind(cube, (kind) => (kind & 3) === wanted);
  return [
    outcome(GOOD), outcome(BAD), outcome(STOPPED), outcome(OTHER),
    ofKind(cube, (kind) => (kind & 7) === 4), ofKind(cube, (kind) => (kind & 7) === 5),
    ofKind(cube, (kind) => (kind & 11) === 8), ofKind(cube, (kind) => (kind & 11) === 9),
    ofKind(cube, (kind) => !(kind & 4)), 'rerun_seconds',
  ];
}

function runSums(page, range) {
  return page.once('runs ' + range.from + ' ' + range.to, () => {
    const { cube, kept } = ciSelection(page, 'ci_runs');
    return dailySums(cube, kept, range, runColumnsOf(cube));
  });
}

function ciBins(page, name, range) {
  return page.once(name + ' ' + range.from + ' ' + range.to, () => {
    const { cube, kept } = ciSelection(page, name);
    return dailyBins(cube, kept, range);
  });
}

// Bins are of milliseconds; how long a branch stayed red is in bins of seconds.
function secondsAt(page, bins, part, unit = 1000) {
  const found = percentile(bins, part, page.data.bin_width);
  return found === null ? null : found / unit;
}

function timesChart(page, daily, names) {
  const windows = page.points.map((point) => daily.sum(point.window, point.to));
  const at = (part) => windows.map((bins) => (amountOf(bins) >= FEW ? secondsAt(page, bins, part) : null));
  return {
    kind: 'lines', points: page.points, format: duration, words: page.words(true),
    series: [
      { name: names[0], values: at(0.95), tone: 's2', area: true },
      { name: names[1], values: at(0.5), tone: 's1' },
    ],
  };
}

function ciTiles(page) {
  const { range } = page;
  const { before } = page.state;
  const jobs = ciSelection(page, 'ci_jobs');
  const cost = (span) => page.once('cost ' + span.from + ' ' + span.to, () => dailySums(jobs.cube, jobs.kept, span, ['microdollars', 'unpriced']));
  const back = (name) => {
    const { cube, kept } = ciSelection(page, name);
    return before.from >= 0 && reachesBack(cube, kept, before);
  };
  const compared = (name, figure, format, better) => (back(name) ? { before: figure(before), format, better } : null);
  const rate = (sums) => ratio(sums[FIRST_GOOD], sums[FIRST_GOOD] + sums[FIRST_BAD]);
  const unit = (name) => (name === 'ci_green' ? 1 : 1000);
  const timed = (name, part) => (span) => secondsAt(page, ciBins(page, name, span).sum(span.from, span.to), part, unit(name));
  const course = (daily, figure) => page.points.map((point) => figure(daily.sum(point.window, point.to)));
  const timeTile = (id, title, name, part) => {
    const figure = timed(name, part);
    const value = figure(range);
    return {
      id, title, value, text: duration(value), change: compared(name, figure, duration, 'less'),
      course: course(ciBins(page, name, range), (bins) => secondsAt(page, bins, part, unit(name))),
    };
  };
  const sums = runSums(page, range);
  const total = sums.sum(range.from, range.to);
  const spent = cost(range).sum(range.from, range.to);
  const rerun = (span) => runSums(page, span).sum(span.from, span.to)[RERUN_SECONDS];
  return [
    {
      id: 'success', title: 'Success, first attempt', value: rate(total), text: share(rate(total)),
      change: compared('ci_runs', (span) => rate(runSums(page, span).sum(span.from, span.to)), share, 'more'),
      course: course(sums, rate),
    },
    timeTile('run-p50', 'Run time, median', 'ci_run_times', 0.5),
    timeTile('run-p95', 'Run time, p95', 'ci_run_times', 0.95),
    timeTile('queue-p95', 'Wait for a runner, p95', 'ci_queue', 0.95),
    timeTile('green', 'Time to green, median', 'ci_green', 0.5),
    {
      id: 'rerun', title: 'Time in re-runs', value: total[RERUN_SECONDS], text: duration(total[RERUN_SECONDS]),
      change: compared('ci_runs', rerun, duration, 'less'),
      course: page.points.map((point) => sums.sum(point.from, point.to)[RERUN_SECONDS]),
    },
    {
      id: 'runner-cost', title: 'Runner cost', value: spent[0] / 1e6, text: money(spent[0] / 1e6) + (spent[1] ? '+' : ''),
      change: compared('ci_jobs', (span) => cost(span).sum(span.from, span.to)[0] / 1e6, money, 'less'),
      course: page.points.map((point) => cost(range).sum(point.from, point.to)[0]),
      note: spent[1] ? plural(spent[1], 'job') + ' without a price' : null,
    },
  ];
}

function outcomesCard(page) {
  const { blind } = ciSelection(page, 'ci_runs');
  const daily = runSums(page, page.range);
  const total = daily.sum(page.range.from, page.range.to);
  const sums = page.points.map((point) => daily.sum(point.from, point.to));
  const series = [
    { name: 'success', tone: 'good', values: sums.map((sum) => sum[GOOD]) },
    { name: 'failed', tone: 'bad', values: sums.map((sum) => sum[BAD]) },
    { name: 'cancelled', tone: 'idle', values: sums.map((sum) => sum[STOPPED]) },
    { name: 'other', tone: 's6', values: sums.map((sum) => sum[OTHER]) },
  ].filter((one, at) => at < 2 || one.values.some(Boolean));
  const chart = {
    kind: 'bars', points: page.points, format: count, series, words: page.words(false),
    total: (at) => series.reduce((sum, one) => sum + one.values[at], 0),
    choose: (point) => openRuns(page, point),
  };
  const all = total[GOOD] + total[BAD];
  return {
    blind, chart, empty: !all && !total[STOPPED] && !total[OTHER], ...chartTable(page, chart),
    answer: all ? `${count(total[BAD])} of ${plural(all, 'finished attempt')} failed; ${plural(total[RERUNS], 'was a re-run', 'were re-runs')}.`
      : 'No attempt finished in this range.',
  };
}

function successCard(page) {
  const { blind } = ciSelection(page, 'ci_runs');
  const daily = runSums(page, page.range);
  const windows = page.points.map((point) => daily.sum(point.window, point.to));
  const rates = (good, bad) => windows.map((sum) => ratio(sum[good], sum[good] + sum[bad], FEW));
  const series = [
    { name: 'first attempt', tone: 's1', values: rates(FIRST_GOOD, FIRST_BAD) },
    { name: 'after re-runs', tone: 'good', dashed: true, values: rates(LAST_GOOD, LAST_BAD) },
  ];
  const lowest = Math.min(1, ...series.flatMap((one) => one.values.filter((value) => !missing(value))));
  const chart = {
    kind: 'lines', points: page.points, format: share, series, words: page.words(true),
    low: Math.max(0, Math.floor(lowest * 20 - 0.2) / 20), high: 1, choose: (point) => openRuns(page, point),
  };
  const total = daily.sum(page.range.from, page.range.to);
  const first = ratio(total[FIRST_GOOD], total[FIRST_GOOD] + total[FIRST_BAD]);
  const last = ratio(total[LAST_GOOD], total[LAST_GOOD] + total[LAST_BAD]);
  return {
    blind, chart, empty: first === null && last === null, ...chartTable(page, chart),
    answer: `${share(first)} at the first attempt, ${share(last)} after re-runs.`,
  };
}

function timesCard(page, name) {
  const { blind } = ciSelection(page, name);
  const daily = ciBins(page, name, page.range);
  const bins = daily.sum(page.range.from, page.range.to);
  const chart = timesChart(page, daily, ['p95', 'median']);
  chart.choose = (point) => openRuns(page, point);
  return {
    blind, chart, empty: !amountOf(bins), ...chartTable(page, chart),
    answer: `Median ${duration(secondsAt(page, bins, 0.5))}, p95 ${duration(secondsAt(page, bins, 0.95))}.`,
  };
}

function runnerCostCard(page) {
  const { cube, kept, blind } = ciSelection(page, 'ci_jobs');
  const stacks = stacksOf(cube, kept, page.range, page.points, 'workflow', 'microdollars', 6);
  const series = stacks.map((stack) => ({
    name: stack.name, values: stack.values.map((value) => value / 1e6), tone: stack.rest ? 'idle' : undefined,
  }));
  const sums = dailySums(cube, kept, page.range, ['minutes', 'microdollars', 'unpriced']).sum(page.range.from, page.range.to);
  const chart = {
    kind: 'bars', points: page.points, format: money, series, words: page.words(false),
    total: (at) => series.reduce((sum, one) => sum + one.values[at], 0), choose: (point) => openRuns(page, point),
  };
  return {
    blind, chart, empty: !series.length, ...chartTable(page, chart),
    answer: `${money(sums[1] / 1e6)} for ${plural(sums[0], 'billed minute')} at list prices`
      + (sums[2] ? `; ${plural(sums[2], 'job')} on runners without a price.` : '.'),
  };
}

function heatCard(page) {
  const { cube, kept, blind } = ciSelection(page, 'ci_runs');
  const all = new Float64Array(7 * 24);
  const failed = new Float64Array(7 * 24);
  const [kinds, attempts, hour, days] = [cube.column('kind'), cube.column('attempts'), cube.column('hour'), cube.day];
  eachRow(cube, kept, page.range, (row) => {
    const outcome = kinds[row] & 3;
    if (outcome > BAD) return;
    const cell = page.calendar.weekday(days[row]) * 24 + hour[row];
    all[cell] += attempts[row];
    if (outcome === BAD) failed[cell] += attempts[row];
  });
  const total = amountOf(all);
  const [block, least] = total < 2000 ? [4, 5] : [1, 20];
  const cells = [];
  for (let weekday = 0; weekday < 7; weekday++) {
    for (let from = 0; from < 24; from += block) {
      const sum = (values) => amountOf(values.subarray(weekday * 24 + from, weekday * 24 + from + block));
      const n = sum(all);
      cells.push({ weekday, from, to: from + block, n, failed: sum(failed), rate: ratio(sum(failed), n, least) });
    }
  }
  const known = cells.filter((cell) => cell.rate !== null);
  const worst = known.reduce((one, other) => (one && one.rate >= other.rate ? one : other), null);
  const words = (cell) => WEEKDAYS[cell.weekday] + ' ' + String(cell.from).padStart(2, '0') + '–' + String(cell.to).padStart(2, '0') + ' h';
  return {
    blind, empty: !known.length, heat: heatTable(cells, block, worst ? worst.rate : 0, words),
    columns: [
      { title: 'when', left: true, value: words },
      { title: 'finished', value: (cell) => cell.n, format: count },
      { title: 'failed', value: (cell) => cell.failed, format: count },
      { title: 'share', value: (cell) => cell.rate, format: share },
    ],
    rows: cells.filter((cell) => cell.n),
    answer: !worst ? `Too few runs: an hour counts from ${least} on.`
      : worst.rate === 0 ? 'No hour stands out: none failed.'
        : `Worst: ${words(worst)}, ${share(worst.rate)} of ${count(worst.n)} failed.`,
  };
}

function heatTable(cells, block, most, words) {
  const columns = 24 / block;
  const head = element('tr', {}, element('td', {}), Array.from({ length: columns }, (_, at) => element('th', { scope: 'col', text: (at * block) % (block === 1 ? 3 : 1) === 0 ? at * block : '' })));
  const rows = WEEKDAYS.map((name, weekday) => element('tr', {}, element('th', { scope: 'row', text: name }),
    cells.slice(weekday * columns, (weekday + 1) * columns).map((cell) => {
      const text = cell.rate === null ? '' : Math.round(cell.rate * 100);
      const made = element('td', { class: cell.rate === null ? 'unknown' : 'known' }, element('span', { class: block === 1 ? 'quiet' : '', text }));
      if (cell.rate !== null) made.style.setProperty('--heat', (most ? 8 + 92 * (cell.rate / most) : 8) + '%');
      made.addEventListener('pointermove', (event) => showTip(words(cell), [
        { name: 'failed', value: share(cell.rate) }, { name: 'of attempts', value: count(cell.n) }], '', event.clientX, event.clientY));
      made.addEventListener('pointerleave', hideTip);
      return made;
    })));
  return element('table', { class: 'heatmap' }, element('caption', { class: 'quiet', text: 'Failed in percent, by weekday and hour' }), element('thead', {}, head), element('tbody', {}, rows));
}
