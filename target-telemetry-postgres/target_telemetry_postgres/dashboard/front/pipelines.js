// Is what stands above complete and fresh?

const STALE = 24 * 3600;

function streams(page) {
  return page.data.tables.pipelines || [];
}

// Sentences about streams that failed or are late: they stand above everything.
function warnings(page) {
  const now = Date.now() / 1000;
  const failed = streams(page).filter((row) => row.status === 'failed' || row.status === 'interrupted');
  const late = streams(page).filter((row) => !failed.includes(row) && row.loaded_at && now - row.loaded_at > STALE);
  const said = [];
  if (failed.length) said.push('The newest load failed: ' + failed.map((row) => row.stream).join(', ') + '.');
  if (late.length) {
    const oldest = Math.min(...late.map((row) => row.loaded_at));
    said.push((late.length === streams(page).length ? 'Every stream' : late.map((row) => row.stream).join(', '))
      + ' last loaded ' + ago(now - oldest) + ': what is newer is not on this page.');
  }
  return said;
}

function freshness(page) {
  const rows = streams(page).filter((row) => row.loaded_at);
  if (!rows.length) return 'No pipeline has loaded anything yet.';
  const newest = Math.max(...rows.map((row) => row.loaded_at));
  const age = ago(Date.now() / 1000 - newest);
  return warnings(page).length ? `Not all of it: the last load was ${age}.` : `Yes: all ${whole(rows.length)} streams are loaded, the last one ${age}.`;
}

function loadsCard(page) {
  const rows = streams(page);
  const zone = page.data.zone;
  const rejected = rows.reduce((sum, row) => sum + row.rows_rejected, 0);
  const read = rows.reduce((sum, row) => sum + row.rows_read, 0);
  return {
    rows, empty: !rows.length,
    answer: rows.length ? `${plural(read, 'row')} read in 7 days, ${rejected ? count(rejected) + ' rejected' : 'none rejected'}.`
      : 'No pipeline has run yet.',
    columns: [
      { title: 'stream', left: true, value: (row) => row.stream, under: (row) => row.last_error || '' },
      { title: 'newest load', left: true, value: (row) => row.status, tone: (row) => (row.status === 'succeeded' ? 'fine' : row.status === 'running' ? '' : 'warn') },
      { title: 'last loaded', value: (row) => row.loaded_at, format: (value) => instant(value, zone) },
      { title: 'rows, 7 d', value: (row) => row.rows_read, format: count },
      { title: 'rejected', value: (row) => row.rows_rejected, format: count, tone: (row) => (row.rows_rejected ? 'warn' : '') },
      { title: 'loads', value: (row) => row.loads, format: count },
      { title: 'failed', value: (row) => row.failed_loads, format: count, tone: (row) => (row.failed_loads ? 'warn' : '') },
      { title: 'next rows go', value: (row) => row.next_prune_at, format: (value) => instant(value, zone) },
    ],
  };
}
