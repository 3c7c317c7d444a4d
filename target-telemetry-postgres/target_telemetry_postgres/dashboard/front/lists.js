// CI's tables: workflows and jobs side by side, where jobs break, what is red, the failed runs.

function workflowsCard(page) {
  const { cube, kept, blind } = ciSelection(page, 'ci_runs');
  const [good, bad, , , firstGood, firstBad, lastGood, lastBad, reruns] = runColumnsOf(cube);
  const named = { good, bad, firstGood, firstBad, lastGood, lastBad, reruns, rerun_seconds: 'rerun_seconds' };
  const by = ['repository', 'workflow'];
  const key = (group) => group.repository + '\u001f' + group.workflow;
  const rows = groupsOf(cube, kept, page.range, by, named, false);
  const more = (name, columns, bins) => {
    const selected = ciSelection(page, name);
    const found = groupsOf(selected.cube, selected.kept, page.range, by, columns, bins);
    return new Map(found.map((group) => [key(group), group]));
  };
  const times = more('ci_run_times', {}, true);
  const green = more('ci_green', {}, true);
  const jobs = more('ci_jobs', { microdollars: 'microdollars' }, false);
  const timed = (map, part, unit) => (row) => {
    const group = map.get(key(row));
    return group ? secondsAt(page, group.bins, part, unit) : null;
  };
  const most = rows.reduce((one, other) => (one && one.bad >= other.bad ? one : other), null);
  return {
    blind, empty: !rows.length,
    answer: !most ? 'No attempt in this range.' : most.bad
      ? `${most.workflow} failed most: ${count(most.bad)} of ${count(most.good + most.bad)} attempts.` : 'Nothing failed.',
    rows: rows.sort((one, other) => other.bad - one.bad || other.good - one.good),
    columns: [
      { title: 'workflow', left: true, value: (row) => row.workflow, under: (row) => row.repository },
      { title: 'attempts', value: (row) => row.good + row.bad, format: count },
      { title: 'failed', value: (row) => row.bad, format: count, bar: true, tone: (row) => (row.bad ? 'warn' : '') },
      { title: 'first try', value: (row) => ratio(row.firstGood, row.firstGood + row.firstBad), format: share },
      { title: 'after re-runs', value: (row) => ratio(row.lastGood, row.lastGood + row.lastBad), format: share },
      { title: 'p50', value: timed(times, 0.5), format: duration },
      { title: 'p95', value: timed(times, 0.95), format: duration },
      { title: 're-runs', value: (row) => row.reruns, format: count },
      { title: 're-run time', value: (row) => row.rerun_seconds, format: duration },
      { title: 'to green', value: timed(green, 0.5, 1), format: duration },
      { title: 'cost', value: (row) => (jobs.get(key(row)) || { microdollars: 0 }).microdollars / 1e6, format: money },
    ],
  };
}

function jobsCard(page) {
  const { cube, kept, blind } = ciSelection(page, 'ci_jobs');
  const columns = ['finished', 'failed', 'flaky', 'seconds', 'minutes', 'microdollars', 'unpriced'];
  const rows = groupsOf(cube, kept, page.range, ['repository', 'workflow', 'job'], Object.fromEntries(columns.map((name) => [name, name])), true)
    .sort((one, other) => other.seconds - one.seconds);
  const failed = rows.reduce((sum, row) => sum + row.failed, 0);
  const flaky = rows.reduce((sum, row) => sum + row.flaky, 0);
  return {
    blind, empty: !rows.length, rows,
    answer: !rows.length ? 'No job ran in this range.' : failed
      ? `${count(flaky)} of ${plural(failed, 'job failure')} ${flaky === 1 ? 'was' : 'were'} flaky: the same job passed on the same commit.`
      : 'No job failed.',
    columns: [
      { title: 'job', left: true, value: (row) => row.job, under: (row) => row.repository + ' / ' + row.workflow },
      { title: 'runs', value: (row) => row.finished, format: count },
      { title: 'failed', value: (row) => ratio(row.failed, row.finished), format: share, tone: (row) => (row.failed ? 'warn' : '') },
      { title: 'flaky', value: (row) => row.flaky, format: count, tone: (row) => (row.flaky ? 'warn' : '') },
      { title: 'p50', value: (row) => secondsAt(page, row.bins, 0.5), format: duration },
      { title: 'p95', value: (row) => secondsAt(page, row.bins, 0.95), format: duration },
      { title: 'hours', value: (row) => row.seconds / 3600, format: (value) => hours(value * 3600), bar: true },
      { title: 'cost', value: (row) => (row.unpriced && !row.microdollars ? null : row.microdollars / 1e6), format: (value) => (missing(value) ? 'no price' : money(value)) },
    ],
  };
}

function stepsCard(page) {
  const { cube, kept, blind } = ciSelection(page, 'ci_steps');
  const rows = groupsOf(cube, kept, page.range, ['repository', 'workflow', 'job', 'step'], { failures: 'failures' }, false)
    .sort((one, other) => other.failures - one.failures);
  const total = rows.reduce((sum, row) => sum + row.failures, 0);
  const steps = new Map();
  for (const row of rows) steps.set(row.step, (steps.get(row.step) || 0) + row.failures);
  const [name, most] = [...steps].sort((one, other) => other[1] - one[1])[0] || [];
  return {
    blind, empty: !rows.length, rows,
    answer: total ? `${share(most / total)} of ${plural(total, 'failed step')} are “${name}”.` : 'No step failed in this range.',
    columns: [
      { title: 'step', left: true, value: (row) => row.step, under: (row) => row.workflow + ' / ' + row.job },
      { title: 'failures', value: (row) => row.failures, format: count, bar: true },
      { title: 'share', value: (row) => ratio(row.failures, total), format: share },
    ],
  };
}

function failedCard(page) {
  const { blind } = ciSelection(page, 'ci_failed');
  const rows = failedRuns(page, page.range);
  const all = failedCount(page, page.range);
  return {
    blind, empty: !rows.length, rows, columns: runColumns(page, true),
    answer: !all ? 'No attempt failed in this range.'
      : plural(all, 'attempt') + ' failed' + (rows.length < all ? `; the newest ${whole(rows.length)} are kept one by one.` : '. Click a point of a chart above for those of a day.'),
  };
}

function redRows(page) {
  return (page.data.tables.red_now || []).filter((row) => CI_FILTERS.every((name) => !page.state.chosen[name].size || page.state.chosen[name].has(row[name])));
}

function redCard(page) {
  const rows = redRows(page);
  return {
    rows, empty: !rows.length,
    answer: rows.length ? plural(rows.length, 'workflow') + ' failed at the newest attempt on the default branch.'
      : 'Every workflow is green on its default branch.',
    columns: [
      {
        title: 'workflow', left: true, value: (row) => row.workflow, under: (row) => row.repository + ' @ ' + row.branch,
        address: (row) => runAddress(page.data, row.repository, row.run_id, row.attempt),
      },
      { title: 'started', value: (row) => row.at, format: (value) => instant(value, page.data.zone) },
    ],
  };
}

function coverageCard(page) {
  const { cube, kept, blind } = ciSelection(page, 'coverage');
  const reports = new Map();
  const [days, seconds, hundredths] = [cube.day, cube.column('second'), cube.column('hundredths')];
  const several = page.choices.repository.length > 1;
  eachRow(cube, kept, { from: 0, to: page.range.to }, (row, slice) => {
    const names = ['repository', 'branch', 'report'].map((name) => cube.text(name, slice));
    const key = names.join('\u001f');
    if (!reports.has(key)) reports.set(key, { repository: names[0], branch: names[1], report: names[2], days: [] });
    reports.get(key).days.push([days[row], hundredths[row] / 10000, seconds[row]]);
  });
  // Several workflows may report on one day: the last of them counts.
  for (const row of reports.values()) row.days.sort((one, other) => one[0] - other[0] || one[2] - other[2]);
  const rows = [...reports.values()].filter((one) => one.days[one.days.length - 1][0] >= page.range.from);
  for (const row of rows) {
    row.now = row.days[row.days.length - 1][1];
    const first = row.days.find(([day]) => day >= page.range.from);
    row.change = row.now - first[1];
    // A report stands until the next one; before the first there is none.
    row.values = page.points.map((point) => {
      const known = row.days.filter(([day]) => day <= point.to);
      return known.length ? known[known.length - 1][1] : null;
    });
  }
  rows.sort((one, other) => other.days.length - one.days.length);
  const shown = rows.slice(0, 6);
  const name = (row) => (several ? row.repository.split('/').pop() + ' ' : '') + row.branch;
  const lowest = Math.min(1, ...shown.flatMap((row) => row.values.filter((value) => !missing(value))));
  const points = (value) => (value > 0 ? '+' : '') + (value * 100).toFixed(1);
  return {
    blind, empty: !rows.length, rows,
    chart: {
      kind: 'lines', points: page.points, format: share, words: page.words(false),
      low: Math.max(0, Math.floor(lowest * 50 - 0.5) / 50),
      series: shown.map((row) => ({ name: name(row), values: row.values })),
    },
    answer: shown.slice(0, 2).map((row) => `${name(row)} ${share(row.now)} (${points(row.change)} points)`).join(', ')
      + (rows.length > 2 ? ` and ${rows.length - 2} more` : '') || 'No coverage report in this range.',
    columns: [
      { title: 'repository', left: true, value: (row) => row.repository, under: (row) => row.report },
      { title: 'branch', left: true, value: (row) => row.branch },
      { title: 'now', value: (row) => row.now, format: share },
      { title: 'change', value: (row) => row.change * 100, format: (value) => points(value / 100) },
      { title: 'reports', value: (row) => row.days.filter(([day]) => day >= page.range.from).length, format: count },
    ],
  };
}
