// Charts over time. ECharts draws; pointing, dragging, keys and words are the page's own, because
// they must work without a mouse and show data as text.

const SERIES_TONES = ['s1', 's2', 's3', 's4', 's5', 's6', 's7'];

function toneColour(tone) {
  return getComputedStyle(document.documentElement).getPropertyValue('--' + tone).trim();
}

// `spec`: kind (bars or lines), points, series (name, values, tone, dashed, area), format,
// words(point) for a point's day or week, and choose(point) for what a click on it opens.
class TimeChart {
  constructor(holder, page) {
    this.holder = holder;
    this.page = page;
    this.canvas = element('div', { class: 'canvas', 'aria-hidden': 'true' });
    this.cursor = element('div', { class: 'cursor', hidden: true });
    this.band = element('div', { class: 'band', hidden: true });
    holder.append(this.canvas, this.cursor, this.band);
    holder.tabIndex = 0;
    holder.setAttribute('role', 'slider');
    holder.addEventListener('keydown', (event) => this.onKey(event));
    holder.addEventListener('pointermove', (event) => this.onMove(event));
    holder.addEventListener('pointerleave', () => this.leave());
    holder.addEventListener('pointerdown', (event) => this.onDown(event));
    holder.addEventListener('pointerup', (event) => this.onUp(event));
    holder.addEventListener('pointercancel', () => this.stopDragging());
    holder.addEventListener('blur', () => this.leave());
    new ResizeObserver(() => this.chart && this.chart.resize()).observe(this.canvas);
  }

  draw(spec) {
    this.spec = spec;
    this.at = null;
    this.holder.setAttribute('aria-valuemin', 0);
    this.holder.setAttribute('aria-valuemax', spec.points.length - 1);
    this.holder.setAttribute('aria-valuenow', spec.points.length - 1);
    this.holder.setAttribute('aria-valuetext', this.wordsAt(spec.points.length - 1));
    this.holder.setAttribute('aria-label', spec.label);
    if (!this.chart) {
      this.chart = echarts.init(this.canvas, null, { renderer: 'svg' });
    }
    this.chart.setOption(this.option(), { notMerge: true, silent: true });
    this.leave();
  }

  option() {
    const { spec } = this;
    const ink = toneColour('muted');
    const line = toneColour('line');
    const step = spec.format === duration ? secondsStep(spec) : undefined;
    return {
      animation: false,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
      grid: { left: 2, right: 10, top: 10, bottom: 2, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
      xAxis: {
        type: 'category',
        data: spec.points.map((point) => this.page.calendar.short(point.from)),
        boundaryGap: spec.kind === 'bars',
        axisLine: { lineStyle: { color: line } },
        axisTick: { show: false },
        axisLabel: { color: ink, fontSize: 11, hideOverlap: true, margin: 8 },
      },
      yAxis: {
        type: 'value',
        min: spec.low === undefined ? 0 : spec.low,
        max: step ? step * Math.ceil(largest(spec) / step) : spec.high,
        splitNumber: 4,
        interval: step,
        splitLine: { lineStyle: { color: line } },
        axisLabel: { color: ink, fontSize: 11, formatter: spec.axis || spec.format },
      },
      series: spec.series.map((series, place) => this.series(series, place)),
    };
  }

  series(series, place) {
    const bars = this.spec.kind === 'bars';
    const colour = toneColour(series.tone || SERIES_TONES[place % SERIES_TONES.length]);
    return {
      type: bars ? 'bar' : 'line',
      name: series.name,
      stack: bars ? 'all' : undefined,
      // A week that the range cuts off is paler: it is no collapse.
      data: Array.from(series.values, (value, at) => (bars && this.spec.points[at].partial
        ? { value, itemStyle: { opacity: 0.45 } } : value)),
      itemStyle: { color: colour },
      lineStyle: { color: colour, width: 2, type: series.dashed ? [5, 4] : 'solid' },
      areaStyle: series.area ? { color: colour, opacity: 0.1 } : undefined,
      symbol: 'circle',
      symbolSize: 5,
      // A value between two blanks has no line; a point shows that it is there.
      showSymbol: !bars && lonely(series.values),
      barCategoryGap: '22%',
      silent: true,
      emphasis: { disabled: true },
    };
  }

  pointUnder(event) {
    const x = event.clientX - this.canvas.getBoundingClientRect().left;
    const at = Math.round(this.chart.convertFromPixel({ xAxisIndex: 0 }, x));
    return Math.min(Math.max(0, at), this.spec.points.length - 1);
  }

  wordsAt(at) {
    const { spec } = this;
    return spec.words(spec.points[at]) + ': '
      + spec.series.map((series) => series.name + ' ' + spec.format(series.values[at])).join(', ');
  }

  show(at, x, y) {
    const { spec } = this;
    this.at = at;
    const left = this.chart.convertToPixel({ xAxisIndex: 0 }, at);
    this.cursor.hidden = false;
    this.cursor.style.left = left + 'px';
    const box = this.canvas.getBoundingClientRect();
    const lines = spec.series.map((series, place) => ({
      name: series.name,
      value: spec.format(series.values[at]),
      tone: series.tone || SERIES_TONES[place % SERIES_TONES.length],
      none: spec.kind === 'bars' && !series.values[at],
    })).filter((line) => !line.none);
    if (spec.kind === 'bars') lines.reverse();
    const more = spec.total ? [{ name: 'together', value: spec.format(spec.total(at)) }] : [];
    showTip(spec.words(spec.points[at]), [...lines, ...more], spec.choose ? 'click for the runs' : '',
      x === undefined ? box.left + left : x, y === undefined ? box.top + 20 : y);
  }

  leave() {
    this.cursor.hidden = true;
    hideTip();
  }

  onMove(event) {
    if (!this.chart) return;
    const at = this.pointUnder(event);
    if (this.grip && Math.abs(event.clientX - this.grip.x) > 8) {
      this.grip.moved = true;
      const box = this.canvas.getBoundingClientRect();
      const [low, high] = [this.grip.x, event.clientX].sort((one, other) => one - other);
      this.band.hidden = false;
      this.band.style.left = low - box.left + 'px';
      this.band.style.width = high - low + 'px';
    }
    this.show(at, event.clientX, event.clientY);
  }

  onDown(event) {
    if (event.button !== 0 || !this.chart) return;
    this.grip = { x: event.clientX, at: this.pointUnder(event), moved: false };
    this.holder.setPointerCapture(event.pointerId);
  }

  onUp(event) {
    const { grip } = this;
    if (!grip) return;
    const at = this.pointUnder(event);
    this.stopDragging();
    if (grip.moved) {
      const [low, high] = [grip.at, at].sort((one, other) => one - other);
      this.page.state.chooseDates(this.spec.points[low].from, this.spec.points[high].to);
    } else if (this.spec.choose) {
      this.leave();
      this.spec.choose(this.spec.points[at]);
    }
  }

  stopDragging() {
    this.grip = null;
    this.band.hidden = true;
  }

  onKey(event) {
    const last = this.spec.points.length - 1;
    const at = this.at === null ? last : this.at;
    const moves = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last };
    if (event.key in moves) {
      event.preventDefault();
      const next = Math.min(Math.max(0, this.at === null ? last : moves[event.key]), last);
      this.show(next);
      this.holder.setAttribute('aria-valuenow', next);
      this.holder.setAttribute('aria-valuetext', this.wordsAt(next));
    } else if (event.key === 'Enter' && this.spec.choose) {
      event.preventDefault();
      this.spec.choose(this.spec.points[at]);
    } else if (event.key === 'Escape') {
      this.leave();
    }
  }
}

function largest(spec) {
  return Math.max(0, ...spec.series.flatMap((series) => series.values.filter((value) => !missing(value))));
}

// Steps of a time axis that people count in: 15 minutes, not 1,000 seconds.
function secondsStep(spec) {
  const most = largest(spec);
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  if (most < 2) return undefined;
  return steps.find((step) => most / step <= 5) || 86400 * Math.ceil(most / 86400 / 5);
}

function lonely(values) {
  const known = (at) => !missing(values[at]);
  for (let at = 0; at < values.length; at++) {
    if (known(at) && !known(at - 1) && !known(at + 1)) return true;
  }
  return false;
}

function showTip(title, lines, hint, x, y) {
  const tip = document.getElementById('tip');
  tip.replaceChildren(
    element('strong', { text: title }),
    ...lines.map((line) => element('div', { class: 'tipline' },
      line.tone ? element('i', { class: 'swatch ' + line.tone }) : element('i', {}),
      element('span', { text: line.name }), element('b', { text: line.value }))),
    ...(hint ? [element('em', { text: hint })] : []),
  );
  tip.hidden = false;
  const left = x + 16 + tip.offsetWidth > window.innerWidth ? x - 16 - tip.offsetWidth : x + 16;
  tip.style.left = Math.max(4, left) + 'px';
  tip.style.top = Math.max(4, Math.min(y + 12, window.innerHeight - tip.offsetHeight - 8)) + 'px';
}

function hideTip() {
  document.getElementById('tip').hidden = true;
}
