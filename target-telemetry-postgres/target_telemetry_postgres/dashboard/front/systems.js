// The wings of the further systems: estimates of tokens, chat requests, traced pull requests.

const ESTIMATES = ['estimates', 'truncated', 'underestimated', 'judged', 'smape_thousandths', 'budget', 'used'];
const CHATS = ['requests', 'failed', 'off_topic', 'nanodollars', 'unpriced'];

function systemSelection(page, name, filters) {
  const cube = page.data.cubes[name];
  return page.once('selection ' + name, () => ({ cube, ...selectionOf(cube, page.state, filters) }));
}

function sumsOf(page, name, filters, columns) {
  const { cube, kept } = systemSelection(page, name, filters);
  return page.once('sums ' + name, () => dailySums(cube, kept, page.range, columns));
}

function binsOf(page, name, filters) {
  const { cube, kept } = systemSelection(page, name, filters);
  return page.once('bins ' + name, () => dailyBins(cube, kept, page.range));
}

const asNames = (columns) => Object.fromEntries(columns.map((name) => [name, name]));
const byName = (columns, sums) => Object.fromEntries(columns.map((name, at) => [name, sums[at]]));
// Bins of estimates are of thousandths of a percent.
const smapeAt = (page, bins, part) => {
  const found = percentile(bins, part, page.data.bin_width);
  return found === null ? null : found / 100000;
};

function estimationTiles(page) {
  const total = byName(ESTIMATES, sumsOf(page, 'estimation', ['model'], ESTIMATES).sum(page.range.from, page.range.to));
  const bins = binsOf(page, 'estimation', ['model']).sum(page.range.from, page.range.to);
  const tile = (id, title, value, format) => ({ id, title, value, text: format(value) });
  return [
    tile('estimates', 'Estimates', total.estimates, count),
    tile('smape-mean', 'Error (SMAPE), mean', total.judged ? total.smape_thousandths / total.judged / 100000 : null, share),
    tile('smape-p50', 'Error, median', smapeAt(page, bins, 0.5), share),
    tile('smape-p90', 'Error, p90', smapeAt(page, bins, 0.9), share),
    tile('underestimated', 'Underestimated', ratio(total.underestimated, total.judged), share),
    tile('truncated', 'Truncated answers', ratio(total.truncated, total.estimates), share),
    tile('budget', 'Budget used', ratio(total.used, total.budget), share),
  ];
}

function errorOfEstimatesCard(page) {
  const { blind } = systemSelection(page, 'estimation', ['model']);
  const daily = binsOf(page, 'estimation', ['model']);
  const windows = page.points.map((point) => daily.sum(point.window, point.to));
  const at = (part) => windows.map((bins) => (amountOf(bins) >= FEW ? smapeAt(page, bins, part) : null));
  const total = daily.sum(page.range.from, page.range.to);
  const chart = {
    kind: 'lines', points: page.points, format: share, words: page.words(true),
    series: [{ name: 'p90', tone: 's2', area: true, values: at(0.9) }, { name: 'median', tone: 's1', values: at(0.5) }],
  };
  return {
    blind, chart, empty: !amountOf(total), ...chartTable(page, chart),
    answer: `Half of the estimates are within ${share(smapeAt(page, total, 0.5))}, nine of ten within ${share(smapeAt(page, total, 0.9))}.`,
  };
}

function strataCard(page) {
  const { cube, kept, blind } = systemSelection(page, 'estimation', ['model']);
  const rows = groupsOf(cube, kept, page.range, ['category', 'complexity'], asNames(ESTIMATES), true)
    .sort((one, other) => other.estimates - one.estimates);
  const few = rows.filter((row) => row.judged < 20).length;
  return {
    blind, rows, empty: !rows.length,
    answer: few ? `${plural(few, 'stratum has', 'strata have')} fewer than 20 samples: not enough to judge.` : 'Every stratum has 20 samples or more.',
    columns: [
      { title: 'category', left: true, value: (row) => row.category, under: (row) => row.complexity },
      { title: 'samples', value: (row) => row.judged, format: count, bar: true, tone: (row) => (row.judged < 20 ? 'warn' : '') },
      { title: 'error p50', value: (row) => smapeAt(page, row.bins, 0.5), format: share },
      { title: 'p90', value: (row) => smapeAt(page, row.bins, 0.9), format: share },
      { title: 'under', value: (row) => ratio(row.underestimated, row.judged), format: share },
      { title: 'truncated', value: (row) => row.truncated, format: count },
    ],
  };
}

function chatTiles(page) {
  const total = byName(CHATS, sumsOf(page, 'chat', ['model'], CHATS).sum(page.range.from, page.range.to));
  const bins = binsOf(page, 'chat', ['model']).sum(page.range.from, page.range.to);
  const tile = (id, title, value, format, note) => ({ id, title, value, text: format(value), note });
  return [
    tile('requests', 'Requests', total.requests, count),
    tile('chat-cost', 'Cost', total.nanodollars / 1e9, money, total.unpriced ? plural(total.unpriced, 'request') + ' without a price' : null),
    tile('chat-errors', 'Failed', ratio(total.failed, total.requests), share),
    tile('off-topic', 'Off topic', ratio(total.off_topic, total.requests), share),
    tile('chat-p50', 'Duration, median', secondsAt(page, bins, 0.5), duration),
    tile('chat-p95', 'Duration, p95', secondsAt(page, bins, 0.95), duration),
  ];
}

function requestsCard(page) {
  const { blind } = systemSelection(page, 'chat', ['model']);
  const daily = sumsOf(page, 'chat', ['model'], CHATS);
  const sums = page.points.map((point) => byName(CHATS, daily.sum(point.from, point.to)));
  const total = byName(CHATS, daily.sum(page.range.from, page.range.to));
  const series = [
    { name: 'answered', tone: 'good', values: sums.map((sum) => sum.requests - sum.failed) },
    { name: 'failed', tone: 'bad', values: sums.map((sum) => sum.failed) },
  ];
  const chart = { kind: 'bars', points: page.points, format: count, words: page.words(false), series };
  return {
    blind, chart, empty: !total.requests, ...chartTable(page, chart),
    answer: `${count(total.failed)} of ${plural(total.requests, 'request')} failed; ${count(total.off_topic)} were off topic.`,
  };
}

function chatErrorsCard(page) {
  const { cube, kept, blind } = systemSelection(page, 'chat', ['model']);
  const rows = groupsOf(cube, kept, page.range, ['error', 'stage'], { failed: 'failed' }, false)
    .filter((row) => row.failed).sort((one, other) => other.failed - one.failed);
  const total = rows.reduce((sum, row) => sum + row.failed, 0);
  return {
    blind, rows, empty: !rows.length,
    answer: total ? `${share(rows[0].failed / total)} of ${plural(total, 'failure')}: ${rows[0].error} at ${rows[0].stage}.` : 'No request failed in this range.',
    columns: [
      { title: 'error', left: true, value: (row) => row.error, under: (row) => row.stage },
      { title: 'requests', value: (row) => row.failed, format: count, bar: true },
      { title: 'share', value: (row) => ratio(row.failed, total), format: share },
    ],
  };
}

function traceRows(page) {
  const { cube, kept } = systemSelection(page, 'traces', ['repository', 'branch']);
  const names = ['events', 'edits', 'commits', 'commands', 'failed_commands', 'tests', 'first_test_seconds', 'red_seconds'];
  const rows = [];
  for (let row = 0; row < cube.rows; row++) {
    if (!kept[cube.slice[row]] || cube.day[row] < page.range.from || cube.day[row] > page.range.to) continue;
    const trace = { day: cube.day[row], title: cube.rowText('title', row), status: cube.rowText('status', row), repository: cube.text('repository', cube.slice[row]) };
    for (const name of names) trace[name] = cube.column(name)[row];
    rows.push(trace);
  }
  return rows;
}

const known = (seconds) => (seconds < 0 ? null : seconds);

function middleOf(values) {
  const sorted = values.filter((value) => value >= 0).sort((one, other) => one - other);
  if (!sorted.length) return null;
  const rank = (sorted.length - 1) / 2;
  return (sorted[Math.floor(rank)] + sorted[Math.ceil(rank)]) / 2;
}

function traceTiles(page) {
  const rows = traceRows(page);
  const sum = (name) => rows.reduce((all, row) => all + row[name], 0);
  const tile = (id, title, value, format) => ({ id, title, value, text: format(value) });
  return [
    tile('traces', 'Pull requests', rows.length, count),
    tile('merged', 'Merged', rows.filter((row) => row.status === 'merged').length, count),
    tile('first-test', 'To the first test, median', middleOf(rows.map((row) => row.first_test_seconds)), duration),
    tile('red-green', 'Red to green, median', middleOf(rows.map((row) => row.red_seconds)), duration),
    tile('edits', 'Edits a commit', ratio(sum('edits'), sum('commits')), (value) => (missing(value) ? NOTHING : significant(value))),
    tile('commands', 'Commands that failed', ratio(sum('failed_commands'), sum('commands')), share),
  ];
}

function tracesCard(page) {
  const { blind } = systemSelection(page, 'traces', ['repository', 'branch']);
  const rows = traceRows(page).sort((one, other) => other.day - one.day);
  const merged = rows.filter((row) => row.status === 'merged').length;
  return {
    blind, rows, empty: !rows.length,
    answer: rows.length ? `${plural(rows.length, 'pull request')} traced, ${count(merged)} merged.` : 'No pull request was traced in this range.',
    columns: [
      { title: 'pull request', left: true, value: (row) => row.title, under: (row) => row.repository },
      { title: 'status', left: true, value: (row) => row.status },
      { title: 'opened', value: (row) => page.calendar.iso(row.day) },
      { title: 'edits', value: (row) => row.edits, format: count },
      { title: 'commits', value: (row) => row.commits, format: count },
      { title: 'commands', value: (row) => row.commands, format: count },
      { title: 'failed', value: (row) => row.failed_commands, format: count, tone: (row) => (row.failed_commands ? 'warn' : '') },
      { title: 'first test', value: (row) => known(row.first_test_seconds), format: duration },
      { title: 'red to green', value: (row) => known(row.red_seconds), format: duration },
    ],
  };
}
