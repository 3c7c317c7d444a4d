// From cubes to numbers: sums by day, merged histograms, groups. Everything follows the filters.

const BINS = 256;
const FEW = 5;

// Which slices of a cube the filters leave, or which filters it cannot follow.
function selectionOf(cube, state, filters) {
  const kept = new Uint8Array(cube.slices).fill(1);
  const blind = [];
  for (const name of filters) {
    const chosen = state.chosen[name];
    if (!chosen.size) continue;
    if (!cube.only.includes(name)) {
      blind.push(name);
      continue;
    }
    const codes = cube.codes(name);
    const wanted = new Set();
    const present = new Set(codes);
    const folded = present.has(cube.dictionary[name].indexOf(state.data.rest));
    for (const value of chosen) {
      const code = cube.dictionary[name].indexOf(value);
      if (present.has(code)) wanted.add(code);
      else if (folded) blind.push(name);
    }
    for (let slice = 0; slice < kept.length; slice++) if (!wanted.has(codes[slice])) kept[slice] = 0;
  }
  return { kept, blind: [...new Set(blind)] };
}

function eachRow(cube, kept, range, visit) {
  const [first, end] = cube.between(range.from, range.to);
  const slices = cube.slice;
  for (let row = first; row < end; row++) if (kept[slices[row]]) visit(row, slices[row]);
}

// Sums by day: `width` numbers a day, from a day before the range that windows reach back to.
class Daily {
  constructor(range, width) {
    this.from = Math.max(0, range.from - WINDOW + 1);
    this.to = range.to;
    this.width = width;
    this.values = new Float64Array((this.to - this.from + 1) * width);
  }

  at(day) {
    return (day - this.from) * this.width;
  }

  sum(from, to) {
    const total = new Float64Array(this.width);
    for (let day = Math.max(from, this.from); day <= Math.min(to, this.to); day++) {
      const start = this.at(day);
      for (let place = 0; place < this.width; place++) total[place] += this.values[start + place];
    }
    return total;
  }
}

// `columns` are names of the cube's numbers, or functions of a row.
function dailySums(cube, kept, range, columns) {
  const daily = new Daily(range, columns.length);
  const days = cube.day;
  const readers = readersOf(cube, columns);
  eachRow(cube, kept, daily, (row) => {
    const start = daily.at(days[row]);
    for (let place = 0; place < readers.length; place++) {
      daily.values[start + place] += readers[place](row);
    }
  });
  return daily;
}

function dailyBins(cube, kept, range) {
  const daily = new Daily(range, BINS);
  const days = cube.day;
  const { starts, bins, counts } = cube.histogram;
  eachRow(cube, kept, daily, (row) => {
    const start = daily.at(days[row]);
    for (let i = starts[row]; i < starts[row + 1]; i++) daily.values[start + bins[i]] += counts[i];
  });
  return daily;
}

// A percentile as percentile_cont takes it, in the bins' unit (milliseconds).
function percentile(bins, part, binWidth) {
  let total = 0;
  for (let bin = 0; bin < BINS; bin++) total += bins[bin];
  if (!total) return null;
  const rank = (total - 1) * part;
  const low = valueAt(bins, Math.floor(rank), binWidth);
  const high = valueAt(bins, Math.ceil(rank), binWidth);
  return low + (high - low) * (rank - Math.floor(rank));
}

function valueAt(bins, rank, binWidth) {
  let seen = 0;
  for (let bin = 0; bin < BINS; bin++) {
    seen += bins[bin];
    if (seen > rank) return bin === 0 ? 0 : Math.exp(binWidth * (bin - 0.5));
  }
  return null;
}

function amountOf(bins) {
  return bins.reduce((sum, amount) => sum + amount, 0);
}

function readersOf(cube, columns) {
  return columns.map((column) => {
    if (typeof column === 'function') return column;
    const values = cube.column(column);
    return (row) => values[row];
  });
}

// Sums by group: one entry for each combination of some dimensions. `columns` gives each sum's name
// and what it adds up: a column of the cube, or a function of a row.
function groupsOf(cube, kept, range, dimensions, named, withBins) {
  const columns = Object.keys(named);
  const width = columns.length;
  const readers = readersOf(cube, Object.values(named));
  const sums = new Float64Array(cube.slices * width);
  const seen = new Uint8Array(cube.slices);
  const bins = new Map();
  eachRow(cube, kept, range, (row, slice) => {
    seen[slice] = 1;
    for (let place = 0; place < width; place++) sums[slice * width + place] += readers[place](row);
  });
  if (withBins) {
    const { starts, bins: places, counts } = cube.histogram;
    eachRow(cube, kept, range, (row, slice) => {
      if (!bins.has(slice)) bins.set(slice, new Float64Array(BINS));
      const own = bins.get(slice);
      for (let i = starts[row]; i < starts[row + 1]; i++) own[places[i]] += counts[i];
    });
  }
  const codes = dimensions.map((dimension) => cube.codes(dimension));
  const groups = new Map();
  for (let slice = 0; slice < seen.length; slice++) {
    if (!seen[slice]) continue;
    const key = codes.map((code) => code[slice]).join(' ');
    if (!groups.has(key)) {
      const group = { bins: withBins ? new Float64Array(BINS) : null };
      dimensions.forEach((dimension) => { group[dimension] = cube.text(dimension, slice); });
      columns.forEach((column) => { group[column] = 0; });
      groups.set(key, group);
    }
    const group = groups.get(key);
    columns.forEach((column, place) => { group[column] += sums[slice * width + place]; });
    const own = bins.get(slice);
    if (own) for (let bin = 0; bin < BINS; bin++) group.bins[bin] += own[bin];
  }
  return [...groups.values()];
}

// The largest groups as stacks over the points, and all others as one.
function stacksOf(cube, kept, range, points, dimension, column, most) {
  const values = cube.column(column);
  const days = cube.day;
  const width = cube.slices;
  const point = new Int32Array(range.to - range.from + 1);
  points.forEach((one, at) => point.fill(at, one.from - range.from, one.to - range.from + 1));
  const sums = new Float64Array(width * points.length);
  eachRow(cube, kept, range, (row, slice) => {
    sums[point[days[row] - range.from] * width + slice] += values[row];
  });
  const names = new Map();
  for (let slice = 0; slice < width; slice++) {
    if (!kept[slice]) continue;
    const name = cube.text(dimension, slice);
    if (!names.has(name)) names.set(name, { name, total: 0, values: new Float64Array(points.length) });
    const stack = names.get(name);
    for (let at = 0; at < points.length; at++) {
      stack.values[at] += sums[at * width + slice];
      stack.total += sums[at * width + slice];
    }
  }
  const sorted = [...names.values()].filter((stack) => stack.total !== 0)
    .sort((one, other) => other.total - one.total);
  if (sorted.length <= most + 1) return sorted;
  const rest = sorted.slice(most);
  const others = { name: rest.length + ' more', total: 0, rest: true, values: new Float64Array(points.length) };
  for (const stack of rest) {
    others.total += stack.total;
    for (let at = 0; at < points.length; at++) others.values[at] += stack.values[at];
  }
  return [...sorted.slice(0, most), others];
}

// Whether rows reach back to where a range begins: a comparison with less would be made up.
function reachesBack(cube, kept, range) {
  const slices = cube.slice;
  for (let row = 0; row < cube.rows; row++) if (kept[slices[row]]) return cube.day[row] <= range.from;
  return false;
}

function ratio(part, all, least) {
  return all >= (least || 1) ? part / all : null;
}
