// The data that the page carries, or fetches from the server it came from: inflated and unpacked.

const FORM = 1;

async function loadData() {
  const inside = document.getElementById('data').textContent.trim();
  const packed = inside ? fromBase64(inside) : await fetched();
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'));
  const whole = new Uint8Array(await new Response(stream).arrayBuffer());
  const length = new DataView(whole.buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(whole.subarray(4, 4 + length)));
  if (header.form !== FORM) {
    throw new Error('The page and its data are of different versions; write the page again.');
  }
  const blob = whole.subarray(4 + length);
  const cubes = {};
  for (const [name, described] of Object.entries(header.cubes)) {
    cubes[name] = new Cube(name, described, blob, header.values);
  }
  return { ...header, cubes };
}

async function fetched() {
  const response = await fetch('data' + window.location.search);
  if (!response.ok) throw new Error('The server answered ' + response.status + '.');
  return new Uint8Array(await response.arrayBuffer());
}

function fromBase64(text) {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = characters.charCodeAt(at);
  return bytes;
}

// A column: its numbers less their smallest, the first bytes of all before the second ones.
function unpack(blob, packed) {
  const { at, n, w } = packed;
  const base = packed.base || 0;
  if (w === 1 && !base && !packed.steps) return blob.subarray(at, at + n);
  const values = w <= 3 && Math.abs(base) < 2 ** 30 ? new Int32Array(n) : new Float64Array(n);
  for (let place = w - 1; place >= 0; place--) {
    const plane = at + place * n;
    for (let i = 0; i < n; i++) values[i] = values[i] * 256 + blob[plane + i];
  }
  if (base) for (let i = 0; i < n; i++) values[i] += base;
  if (packed.steps) for (let i = 1; i < n; i++) values[i] += values[i - 1];
  return values;
}

// Numbers that follow from others: what is kept instead is mostly nothing, and takes no room.
const DERIVED = {
  seconds: (cube) => difference(cube.column('minutes'), cube.column('spare_seconds'), 60),
  microdollars(cube) {
    const minutes = cube.column('minutes');
    const rates = Array.from({ length: cube.slices }, (_, slice) => Number(cube.text('rate', slice)));
    return (_, row) => minutes[row] * rates[cube.slice[row]] * 1e6;
  },
  nanodollars(cube) {
    const micro = cube.column('microdollars');
    return (_, row) => micro[row] * 1000;
  },
  good(cube) {
    const [calls, failed, unknown] = ['calls', 'failed', 'unknown'].map((name) => cube.column(name));
    return (_, row) => calls[row] - failed[row] - unknown[row];
  },
  cacheable_tokens: (cube) => difference(cube.column('input_tokens'), cube.column('uncached_tokens'), 1),
  timed_tokens: (cube) => difference(cube.column('output_tokens'), cube.column('untimed_tokens'), 1),
};

function difference(whole, part, times) {
  return (_, row) => whole[row] * times - part[row];
}

// Rows of numbers by day and slice; a slice is one combination of what the page filters by.
// What it holds is unpacked when it is first asked for.
class Cube {
  constructor(name, described, blob, dictionary) {
    this.name = name;
    this.rows = described.rows;
    this.described = described;
    this.blob = blob;
    this.dictionary = dictionary;
    this.known = new Map();
    this.dimensions = Object.keys(described.slices);
    // Too large to be told apart by more: under another filter its numbers would be wrong.
    this.only = described.only || this.dimensions;
  }

  once(key, make) {
    if (!this.known.has(key)) this.known.set(key, make());
    return this.known.get(key);
  }

  get day() {
    return this.once('day', () => unpack(this.blob, this.described.day));
  }

  get slice() {
    return this.once('slice', () => unpack(this.blob, this.described.slice));
  }

  get newest() {
    return this.once('newest', () => this.day.reduce((one, other) => Math.max(one, other), 0));
  }

  get slices() {
    const first = this.dimensions[0];
    return first ? this.described.slices[first].n : 1;
  }

  codes(dimension) {
    return this.once('of ' + dimension, () => unpack(this.blob, this.described.slices[dimension]));
  }

  column(name) {
    return this.once('column ' + name, () => (name in this.described.columns
      ? unpack(this.blob, this.described.columns[name])
      : Float64Array.from({ length: this.rows }, DERIVED[name](this))));
  }

  // The text of a slice in a dimension, or of a row in a column of texts.
  text(dimension, slice) {
    return this.dictionary[dimension][this.codes(dimension)[slice]];
  }

  rowText(column, row) {
    return this.dictionary[column][this.column(column)[row]];
  }

  // Where each row's bins start, the bins, and how many fell into each.
  get histogram() {
    return this.once('histogram', () => {
      const { lengths, steps, firsts, counts } = this.described.histogram;
      const sizes = unpack(this.blob, lengths);
      const starts = new Uint32Array(sizes.length + 1);
      for (let i = 0; i < sizes.length; i++) starts[i + 1] = starts[i] + sizes[i];
      // Either every bin from a row's first to its last, or only those into which something fell.
      const bins = steps ? Uint8Array.from(unpack(this.blob, steps)) : new Uint8Array(starts[sizes.length]).fill(1);
      if (firsts) unpack(this.blob, firsts).forEach((first, row) => { if (sizes[row]) bins[starts[row]] = first; });
      for (let row = 0; row < sizes.length; row++) {
        for (let i = starts[row] + 1; i < starts[row + 1]; i++) bins[i] += bins[i - 1];
      }
      return { starts, bins, counts: unpack(this.blob, counts) };
    });
  }

  // The rows of some days; rows are sorted by day.
  between(from, to) {
    return [this.firstAt(from), this.firstAt(to + 1)];
  }

  firstAt(day) {
    const days = this.day;
    let low = 0;
    let high = days.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (days[middle] < day) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
