// The runs behind a point: which failed, and which was slowest, linked to GitHub.

const RUN_FILTERS = ['repository', 'workflow', 'branch'];

function failedRuns(page, range) {
  const cube = page.data.cubes.ci_failed;
  if (!cube) return [];
  const { kept } = selectionOf(cube, page.state, RUN_FILTERS);
  return runRows(page, cube, kept, range).map((run) => ({ ...run, title: cube.rowText('title', run.row) }))
    .sort((one, other) => other.day - one.day || other.second - one.second);
}

function slowRuns(page, range) {
  const cube = page.data.cubes.ci_slow;
  if (!cube) return [];
  const { kept } = selectionOf(cube, page.state, RUN_FILTERS);
  return runRows(page, cube, kept, range).sort((one, other) => other.seconds - one.seconds);
}

function runRows(page, cube, kept, range) {
  const days = cube.day;
  const slices = cube.slice;
  const numbers = ['run_id', 'attempt', 'seconds', 'second'].filter((name) => name in cube.described.columns);
  const found = [];
  for (let row = 0; row < cube.rows; row++) {
    if (!kept[slices[row]] || days[row] < range.from || days[row] > range.to) continue;
    const slice = slices[row];
    const run = { row, day: days[row] };
    for (const name of RUN_FILTERS) run[name] = cube.text(name, slice);
    for (const name of numbers) run[name] = cube.column(name)[row];
    found.push(run);
  }
  return found;
}

function runColumns(page, timed) {
  return [
    {
      title: 'run', left: true,
      value: (run) => run.title || run.workflow + ' ' + run.run_id,
      address: (run) => runAddress(page.data, run.repository, run.run_id, run.attempt),
      under: (run) => run.repository,
    },
    { title: 'workflow', left: true, value: (run) => run.workflow },
    { title: 'branch', left: true, value: (run) => run.branch },
    { title: 'attempt', value: (run) => run.attempt },
    { title: 'took', value: (run) => run.seconds, format: duration },
    {
      title: 'started', value: (run) => page.calendar.iso(run.day) + (timed ? ' ' + clock(run.second) : ''),
    },
  ];
}

function openRuns(page, point) {
  const range = { from: point.from, to: point.to };
  const failed = failedRuns(page, range);
  const slow = slowRuns(page, range).slice(0, 3);
  const all = failedCount(page, range);
  const title = page.calendar.span(point.from, point.to) + ': '
    + (all ? plural(all, 'failed attempt') : 'no attempt failed');
  const part = (heading, runs, timed) => [
    element('h3', { text: heading }),
    element('div', { class: 'table', tabindex: '0', role: 'region', 'aria-label': heading }, element('table', {},
      element('thead', {}, element('tr', {}, runColumns(page, timed).map((column) => element('th', { scope: 'col', class: column.left ? '' : 'right', text: column.title })))),
      element('tbody', {}, runs.map((run) => element('tr', {}, runColumns(page, timed).map((column, place) => cellOf(column, run, place, runs))))))),
  ];
  const dialog = element('dialog', { class: 'drill', 'aria-labelledby': 'drill-title' },
    element('div', { class: 'head' },
      element('h2', { id: 'drill-title', text: title }),
      element('button', { type: 'button', text: 'close', onclick: () => dialog.close() })),
    failed.length ? part('Failed' + (failed.length < all ? ', the newest ' + whole(failed.length) : ''), failed.slice(0, 200), true)
      : element('p', { text: all ? 'They are older than the runs that this page keeps one by one.' : 'Nothing to look into.' }),
    slow.length ? part('Slowest', slow, false) : null);
  dialog.addEventListener('close', () => dialog.remove());
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();
}

function failedCount(page, range) {
  const cube = page.data.cubes.ci_runs;
  const { kept } = selectionOf(cube, page.state, RUN_FILTERS);
  const kinds = cube.column('kind');
  const attempts = cube.column('attempts');
  let failed = 0;
  eachRow(cube, kept, range, (row) => { if ((kinds[row] & 3) === 1) failed += attempts[row]; });
  return failed;
}
