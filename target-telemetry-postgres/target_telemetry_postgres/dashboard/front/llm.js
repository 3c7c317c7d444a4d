// Calls of language models: what they cost, how long they took, why they failed.

const LLM_FILTERS = ['repository', 'branch', 'environment', 'phase', 'model'];
const CALLS = ['calls', 'good', 'failed', 'nanodollars', 'unpriced', 'input_tokens', 'output_tokens', 'cache_tokens', 'cacheable_tokens', 'timed_tokens', 'timed_ms'];

function llmSelection(page, name) {
  const cube = page.data.cubes[name];
  return page.once('selection ' + name, () => ({ cube, ...selectionOf(cube, page.state, LLM_FILTERS) }));
}

function callSums(page, range) {
  return page.once('calls ' + range.from + ' ' + range.to, () => {
    const { cube, kept } = llmSelection(page, 'llm_calls');
    return dailySums(cube, kept, range, CALLS);
  });
}

function callTotals(page, range) {
  const sums = callSums(page, range).sum(range.from, range.to);
  return named(sums);
}

function named(sums) {
  return Object.fromEntries(CALLS.map((name, at) => [name, sums[at]]));
}

function callBins(page, range) {
  return page.once('call bins ' + range.from + ' ' + range.to, () => {
    const { cube, kept } = llmSelection(page, 'llm_calls');
    return dailyBins(cube, kept, range);
  });
}

const dollars = (sums) => sums.nanodollars / 1e9;
const errorRate = (sums, least) => ratio(sums.failed, sums.good + sums.failed, least);
// Calls whose outcome nobody logged are no failures.
const perSuccess = (sums) => (sums.calls - sums.failed > 0 ? dollars(sums) / (sums.calls - sums.failed) : null);
const cacheShare = (sums) => ratio(sums.cache_tokens, sums.cacheable_tokens);
const speed = (sums) => (sums.timed_ms > 0 ? (sums.timed_tokens / sums.timed_ms) * 1000 : null);

function llmTiles(page) {
  const { range } = page;
  const { before } = page.state;
  const { cube, kept } = llmSelection(page, 'llm_calls');
  const compare = before.from >= 0 && reachesBack(cube, kept, before);
  const total = callTotals(page, range);
  const daily = callSums(page, range);
  const tile = (id, title, figure, format, better, rated, note) => ({
    id, title, value: figure(total), text: format(figure(total)) + (note && total.unpriced ? '+' : ''),
    change: compare ? { before: figure(callTotals(page, before)), format, better } : null,
    course: page.points.map((point) => figure(named(daily.sum(rated ? point.window : point.from, point.to)))),
    note: note && total.unpriced ? plural(total.unpriced, 'call') + ' without a price' : null,
  });
  const timed = (id, title, part) => {
    const at = (span) => secondsAt(page, callBins(page, span).sum(span.from, span.to), part);
    return {
      id, title, value: at(range), text: duration(at(range)),
      change: compare ? { before: at(before), format: duration, better: 'less' } : null,
      course: page.points.map((point) => secondsAt(page, callBins(page, range).sum(point.window, point.to), part)),
    };
  };
  const cache = tile('cache', 'Input read from cache', cacheShare, share, 'more', true);
  if (!total.cacheable_tokens) cache.note = 'no call records it';
  return [
    tile('cost', 'Cost', dollars, money, 'less', false, true),
    tile('calls', 'Calls', (sums) => sums.calls, count, null, false),
    tile('per-success', 'Cost per successful call', perSuccess, money, 'less', true),
    tile('errors', 'Error rate', (sums) => errorRate(sums), share, 'less', true),
    timed('call-p50', 'Latency, median', 0.5),
    timed('call-p95', 'Latency, p95', 0.95),
    cache,
  ];
}

function modelCostCard(page) {
  const { cube, kept, blind } = llmSelection(page, 'llm_calls');
  const stacks = stacksOf(cube, kept, page.range, page.points, 'model', 'nanodollars', 6);
  const series = stacks.map((stack) => ({ name: stack.name, values: stack.values.map((value) => value / 1e9), tone: stack.rest ? 'idle' : undefined }));
  const total = callTotals(page, page.range);
  const chart = {
    kind: 'bars', points: page.points, format: money, series, words: page.words(false),
    total: (at) => series.reduce((sum, one) => sum + one.values[at], 0),
  };
  const first = stacks[0];
  return {
    blind, chart, empty: !series.length, ...chartTable(page, chart),
    answer: !total.calls ? 'No call in this range.'
      : (first ? `${first.name} is ${share(first.total / total.nanodollars)} of ${money(dollars(total))}` : 'No call has a price')
        + (total.unpriced ? `; ${plural(total.unpriced, 'call has', 'calls have')} no known price.` : '.'),
  };
}

function tokensCard(page) {
  const { blind } = llmSelection(page, 'llm_calls');
  const daily = callSums(page, page.range);
  const sums = page.points.map((point) => named(daily.sum(point.from, point.to)));
  const total = callTotals(page, page.range);
  const series = [
    { name: 'input', tone: 's1', values: sums.map((sum) => sum.input_tokens - sum.cache_tokens) },
    { name: 'input from cache', tone: 's4', values: sums.map((sum) => sum.cache_tokens) },
    { name: 'output', tone: 's2', values: sums.map((sum) => sum.output_tokens) },
  ].filter((one, at) => at !== 1 || total.cache_tokens);
  const chart = {
    kind: 'bars', points: page.points, format: count, series, words: page.words(false),
    total: (at) => series.reduce((sum, one) => sum + one.values[at], 0),
  };
  return {
    blind, chart, empty: !total.calls, ...chartTable(page, chart),
    answer: `${count(total.input_tokens)} in` + (total.cacheable_tokens ? ` (${share(cacheShare(total))} from cache)` : '')
      + `, ${count(total.output_tokens)} out.`,
  };
}

function latencyCard(page) {
  const { blind } = llmSelection(page, 'llm_calls');
  const daily = callBins(page, page.range);
  const bins = daily.sum(page.range.from, page.range.to);
  const chart = timesChart(page, daily, ['p95', 'median']);
  return {
    blind, chart, empty: !amountOf(bins), ...chartTable(page, chart),
    answer: `Median ${duration(secondsAt(page, bins, 0.5))}, p95 ${duration(secondsAt(page, bins, 0.95))} of calls that did not fail.`,
  };
}

function errorRateCard(page) {
  const { blind } = llmSelection(page, 'llm_calls');
  const daily = callSums(page, page.range);
  const total = callTotals(page, page.range);
  const values = page.points.map((point) => errorRate(named(daily.sum(point.window, point.to)), FEW));
  const chart = {
    kind: 'lines', points: page.points, format: share, words: page.words(true),
    series: [{ name: 'error rate', tone: 'bad', area: true, values }],
  };
  return {
    blind, chart, empty: !(total.good + total.failed), ...chartTable(page, chart),
    answer: `${count(total.failed)} of ${plural(total.good + total.failed, 'call')} with a known outcome failed: ${share(errorRate(total))}.`,
  };
}

function reasonsCard(page) {
  const { cube, kept, blind } = llmSelection(page, 'llm_errors');
  const rows = groupsOf(cube, kept, page.range, ['error'], { failures: 'failures' }, false)
    .sort((one, other) => other.failures - one.failures);
  const total = rows.reduce((sum, row) => sum + row.failures, 0);
  return {
    blind, rows, empty: !rows.length,
    answer: total ? `${share(rows[0].failures / total)} of ${plural(total, 'failure')}: ${rows[0].error}` : 'No call failed in this range.',
    columns: [
      { title: 'reason', left: true, value: (row) => row.error },
      { title: 'calls', value: (row) => row.failures, format: count, bar: true },
      { title: 'share', value: (row) => ratio(row.failures, total), format: share },
    ],
  };
}

const MONEY_CUBES = { phase: 'llm_calls', prompt: 'llm_prompts', user: 'llm_users', source: 'llm_sources', session: 'llm_sessions', repository: 'llm_calls', environment: 'llm_calls' };

function moneyCard(page, by) {
  const { cube, kept, blind } = llmSelection(page, MONEY_CUBES[by]);
  const columns = ['calls', 'good', 'failed', 'nanodollars'];
  const rows = groupsOf(cube, kept, page.range, [by], Object.fromEntries(columns.map((name) => [name, name])), false)
    .sort((one, other) => other.nanodollars - one.nanodollars || other.calls - one.calls);
  const total = rows.reduce((sum, row) => sum + row.nanodollars, 0);
  return {
    blind, rows, empty: !rows.length,
    answer: !rows.length ? `No call names a ${by} in this range.`
      : total ? `${rows[0][by]}: ${share(rows[0].nanodollars / total)} of ${money(total / 1e9)}` + (by === 'session' ? ', among the 200 sessions that cost most.' : '.') : 'No call has a price.',
    columns: [
      { title: by, left: true, value: (row) => row[by] },
      { title: 'calls', value: (row) => row.calls, format: count },
      { title: 'cost', value: (row) => row.nanodollars / 1e9, format: money, bar: true },
      { title: 'errors', value: (row) => errorRate(row), format: share },
      { title: 'per call', value: (row) => (row.calls ? row.nanodollars / 1e9 / row.calls : null), format: money },
    ],
  };
}

function modelsCard(page) {
  const { cube, kept, blind } = llmSelection(page, 'llm_calls');
  const rows = groupsOf(cube, kept, page.range, ['model'], Object.fromEntries(CALLS.map((name) => [name, name])), true)
    .sort((one, other) => other.nanodollars - one.nanodollars || other.calls - one.calls);
  const priced = rows.filter((row) => row.calls - row.failed >= FEW && row.nanodollars > 0)
    .sort((one, other) => perSuccess(one) - perSuccess(other));
  return {
    blind, rows, empty: !rows.length,
    answer: priced.length > 1 ? `A successful call costs ${money(perSuccess(priced[0]))} with ${priced[0].model} and ${money(perSuccess(priced[priced.length - 1]))} with ${priced[priced.length - 1].model}.`
      : plural(rows.length, 'model') + '.',
    columns: [
      { title: 'model', left: true, value: (row) => row.model },
      { title: 'calls', value: (row) => row.calls, format: count },
      { title: 'cost', value: dollars, format: money, bar: true },
      { title: 'per success', value: perSuccess, format: money },
      { title: 'errors', value: (row) => errorRate(row), format: share, tone: (row) => (errorRate(row) > 0.1 ? 'warn' : '') },
      { title: 'p50', value: (row) => secondsAt(page, row.bins, 0.5), format: duration },
      { title: 'p95', value: (row) => secondsAt(page, row.bins, 0.95), format: duration },
      { title: 'tokens/s', value: speed, format: (value) => (missing(value) ? NOTHING : value.toFixed(1)) },
      { title: 'cache', value: cacheShare, format: share },
      { title: 'no price', value: (row) => row.unpriced, format: count, tone: (row) => (row.unpriced ? 'warn' : '') },
    ],
  };
}
