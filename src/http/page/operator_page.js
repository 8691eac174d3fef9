// SPDX-License-Identifier: BSL-1.0
// What the endpoint tells, every two seconds. All text goes in as text: nothing here makes elements of it.
'use strict';
const $ = id => document.getElementById(id);
const put = (node, text) => { if (node.textContent !== text) node.textContent = text; return node; };
function el(tag, name, ...inside) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...inside);
  return made;
}
function svg(tag, attributes) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const name in attributes) made.setAttribute(name, attributes[name]);
  return made;
}
/// Has one child of `parent` for each item, in this order; those that stay are the same elements.
function keep(parent, items, key, make, update) {
  const old = parent.kept || (parent.kept = new Map()), now = new Map();
  let at = parent.firstChild;
  items.forEach((item, i) => {
    let k = String(key(item));
    while (now.has(k)) k += '\n';
    const node = old.get(k) || make(item);
    old.delete(k);
    now.set(k, node);
    update(node, item, i);
    if (node === at) at = at.nextSibling; else parent.insertBefore(node, at);
  });
  for (const node of old.values()) node.remove();
  parent.kept = now;
}

// ---- numbers ----

const none = '–';
const digits = (x, n = 3) => x >= 10 ** (n - 1) ? String(Math.round(x)) : String(+x.toPrecision(n));
function time(s) {
  if (!isFinite(s)) return none;
  if (s >= 86400) return digits(s / 86400) + ' d';
  if (s >= 3600) return digits(s / 3600) + ' h';
  if (s >= 120) return digits(s / 60) + ' min';
  if (s >= 1) return digits(s) + ' s';
  if (s >= 1e-3) return digits(s * 1e3) + ' ms';
  return s > 0 ? digits(s * 1e6) + ' µs' : '0 s';
}
const rate = r => !isFinite(r) ? none : r > 0 && r < 0.1 ? digits(r * 60, 2) + '/min' : digits(r) + '/s';
const count = x => isFinite(x) ? x.toLocaleString('en') : none;
function share(x) {
  if (!isFinite(x)) return none;
  const p = x * 100;
  return (p === 0 || p === 100 ? String(p) : p < 1 ? String(+p.toPrecision(2)) : String(Math.floor(p * 100) / 100)) + ' %';
}
/// Two times, with one unit where that is the same.
function times(a, b) {
  const unit = t => t.slice(t.lastIndexOf(' '));
  return a === none ? none : (unit(a) === unit(b) ? a.slice(0, a.lastIndexOf(' ')) : a) + ' / ' + b;
}
const bytes = b => !isFinite(b) ? none : b >= 2 ** 30 ? digits(b / 2 ** 30) + ' GiB' : digits(b / 2 ** 20) + ' MiB';

// ---- metrics ----

const line = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/, label = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g, bound = /,?le="([^"]*)"$/;
const number = text => text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
/// By family, then by the labels as they are written: a value, or for a histogram its bounds and how many were within each.
function read(text) {
  const all = new Map();
  for (const one of text.split('\n')) {
    const m = one[0] !== '#' && line.exec(one);
    if (!m) continue;
    let [, name, key = '', value] = m;
    const le = name.endsWith('_bucket') && bound.exec(key);
    if (le) key = key.slice(0, le.index);
    if (!all.has(name)) all.set(name, new Map());
    const of = all.get(name);
    let s = of.get(key);
    if (!s) {
      s = {labels: {}, value: 0, bounds: [], within: []};
      for (const [, n, v] of key.matchAll(label)) s.labels[n] = v.replace(/\\(.)/g, (_, c) => c === 'n' ? '\n' : c);
      of.set(key, s);
    }
    if (le) { s.bounds.push(number(le[1])); s.within.push(number(value)); } else s.value = number(value);
  }
  return all;
}
/// As Prometheus' histogram_quantile().
function quantile(bounds, within, q) {
  const all = within[within.length - 1];
  if (!(all > 0) || bounds.length < 2) return NaN;
  const wanted = q * all;
  for (let i = 0, from = 0, below = 0; i < bounds.length - 1; ++i) {
    if (within[i] >= wanted && within[i] > below) return from + (bounds[i] - from) * (wanted - below) / (within[i] - below);
    from = bounds[i];
    below = within[i];
  }
  return bounds[bounds.length - 2];
}

let past = [];   // what was told, some ten seconds apart, for a minute
let now = null;  // {at, all}
let base = null; // what is counted from; null: the process's start
function took(at, all) {
  const begun = of => [...of.get('process_start_time_seconds')?.values() ?? []][0]?.value;
  if (now && (begun(now.all) !== begun(all))) past = [];
  now = {at, all};
  if (!past.length || at - past[past.length - 1].at >= 9.5) past.push(now);
  while (past.length > 1 && at - past[1].at >= 58) past.shift();
}
const is_minute = () => document.querySelector('input[name=span]:checked').value === 'minute';
function choose_base() { base = is_minute() ? past[0] : null; }
/// All that is measured but the process is catena's.
const full = name => name.startsWith('process_') ? name : 'catena_' + name;
const series = name => [...now.all.get(full(name))?.entries() ?? []];
/// The sum of a family's series with these labels: as it is, or what it grew by.
function value(name, labels) {
  let sum = NaN;
  for (const [, s] of series(name)) if (matches(s, labels)) sum = (sum || 0) + s.value;
  return sum;
}
const matches = (s, labels) => Object.keys(labels).every(l => s.labels[l] === labels[l]);
function grown(name, labels) {
  let sum = NaN;
  for (const [key, s] of series(name)) if (matches(s, labels)) sum = (sum || 0) + s.value - (base?.all.get(full(name))?.get(key)?.value ?? 0);
  return base === now ? NaN : sum;
}
function passed() { return base ? now.at - base.at : Date.now() / 1000 - value('process_start_time_seconds', {}); }
/// Per second. Of nothing there is none.
const per_second = n => { const s = passed(); return s > 0 ? n / s : NaN; };
function quantiles(family, labels) {
  for (const [key, s] of series(family + '_bucket')) {
    if (!matches(s, labels)) continue;
    const before = base?.all.get(full(family + '_bucket'))?.get(key)?.within;
    const within = s.within.map((n, i) => n - (before?.[i] ?? 0));
    const [p50, p99] = [0.5, 0.99].map(q => quantile(s.bounds, within, q));
    const beyond = q => within[within.length - 2] < q * within[within.length - 1] ? '> ' : '';
    return {count: base === now ? NaN : within[within.length - 1], p50, p99, text50: beyond(0.5) + time(p50), text99: beyond(0.99) + time(p99)};
  }
  return {count: NaN, p50: NaN, p99: NaN, text50: none, text99: none};
}

// ---- figures ----

const ill = failed => failed >= 0.01 ? 'bad' : '';
/// Pairs of what and how much; the elements stay.
function figures(list, all) {
  keep(list, all, f => f[0], f => el('div', '', el('dt', '', f[0]), el('dd')), (node, [, text, tone]) => {
    put(node.lastChild, text).className = tone || '';
  });
}
function show_totals() {
  const runs = grown('runs_total', {}), failed = grown('runs_total', {outcome: 'failed'});
  const parked = value('runtime_parked_runs', {}), cpu = per_second(grown('process_cpu_seconds_total', {}));
  figures($('totals'), [
    ['Runs', rate(per_second(runs))], ['Failed', share(failed / runs), ill(failed / runs)], ['In flight', count(value('runs_in_flight', {}))],
    ['Parked', count(parked), parked > 0 ? 'warm' : ''], ['CPU', isFinite(cpu) ? digits(cpu, 2) + (cpu === 1 ? ' core' : ' cores') : none], ['Memory', bytes(value('process_resident_memory_bytes', {}))],
    ['Up for', time(Date.now() / 1000 - value('process_start_time_seconds', {}))]]);
}

// ---- chains ----

const open = new Map();    // chains that are, and are not, shown whole, where that was said
const shapes = new Map();  // of chains, as they are described
function show_chains(chains) {
  const names = [...new Set([...chains.map(c => c.name), ...series('runs_in_flight').map(([, s]) => s.labels.chain)])];
  put($('n_chains'), names.length ? String(names.length) : '');
  $('no_chains').hidden = names.length > 0;
  const known = new Set(chains.map(c => c.name));
  keep($('chains'), names, n => n, make_chain, (node, name, i) => {
    node.has_shape = known.has(name);
    node.is_open = node.has_shape && (open.get(name) ?? i < 4);
    update_chain(node, name);
  });
}
function make_chain(name) {
  const button = el('button', '', name), list = el('dl', 'figures'), goals = el('ul', 'goals'), dag = el('div', 'dag');
  const node = el('article', 'chain', el('div', 'top', el('h3', '', button), list, goals), dag);
  button.type = 'button';
  button.title = name;
  button.onclick = () => { node.is_open = !node.is_open; open.set(name, node.is_open); update_chain(node, name); };
  return Object.assign(node, {button, list, goals, dag});
}
function update_chain(node, name) {
  node.button.setAttribute('aria-expanded', node.is_open);
  node.button.disabled = !node.has_shape;
  const q = quantiles('run_duration_seconds', {chain: name});
  const runs = grown('runs_total', {chain: name}), failed = grown('runs_total', {chain: name, outcome: 'failed'});
  figures(node.list, [['Rate', rate(per_second(runs))], ['p50', q.text50], ['p99', q.text99], ['Failed', share(failed / runs), ill(failed / runs)],
    ['In flight', count(value('runs_in_flight', {chain: name}))]]);
  show_goals(node.goals, name);
  node.dag.hidden = !node.is_open;
  if (!node.is_open) return;
  const shape = shapes.get(name);
  if (!shape) return void fetch_shape(name);
  if (node.drawn !== shape) draw(node, shape);
  update_stages(node, name);
}
async function fetch_shape(name) {
  shapes.set(name, null);
  try {
    shapes.set(name, JSON.parse(await ask('/chains/' + encodeURIComponent(name))));
    show();
  } catch { shapes.delete(name); }
}
/// What was promised and what was kept. At a burn rate of 1 as much fails as may.
function show_goals(list, chain) {
  const all = series('slo_target_ratio').filter(([, s]) => s.labels.chain === chain).map(([, s]) => s);
  list.hidden = !all.length;
  keep(list, all, s => s.labels.objective, () => el('li', '', el('span', 'soft'), el('b'), el('span', 'soft'), el('span')), (node, s) => {
    const of = {chain, objective: s.labels.objective};
    const good = grown('slo_good_events_total', of) / grown('slo_events_total', of), burn = (1 - good) / (1 - s.value);
    const within = of.objective === 'latency' ? value('slo_bound_seconds', {chain}) : NaN;
    const [what, is, promised, how] = node.children;
    put(what, (of.objective === 'latency' ? 'in time' + (isFinite(within) ? ', ' + time(within) : '') : of.objective === 'success' ? 'answered' : of.objective) + ' ');
    put(is, share(good)).className = burn > 1 ? 'bad' : '';
    put(promised, ' of ' + share(s.value) + ' promised');
    put(how, isFinite(burn) ? ', burn rate ' + digits(burn, 2) : '').className = burn > 1 ? 'bad' : 'soft';
  });
}

// ---- a chain's drawing ----

/// The stages in layers: what one takes stands before it. Lines that pass a layer have a place in it.
function layers_of(shape) {
  const last = shape.stages.length, depth = shape.stages.map(() => 1);
  shape.stages.forEach((s, i) => { for (const from of s.inputs) depth[i] = Math.max(depth[i], depth[from] + 1); });
  const nodes = shape.stages.map((s, i) => ({stage: i, layer: depth[i], near: [[], []]}));
  const start = {layer: 0, near: [[], []]}, end = {layer: depth[shape.result] + 1, near: [[], []]};
  const layers = [], lines = [];
  const stand = n => { (layers[n.layer] || (layers[n.layer] = [])).push(n); };
  [start, ...nodes, end].forEach(stand);
  const join = (a, b) => { a.near[1].push(b); b.near[0].push(a); };
  const lead = (a, b) => {
    const way = [a];
    for (let l = a.layer + 1; l < b.layer; ++l) { const n = {layer: l, near: [[], []], passes: true}; stand(n); join(way[way.length - 1], n); way.push(n); }
    join(way[way.length - 1], b);
    lines.push([...way, b]);
  };
  shape.stages.forEach((s, i) => {
    if (s.takes_input || !s.inputs.length) lead(start, nodes[i]);
    for (const from of s.inputs) lead(nodes[from], nodes[i]);
  });
  if (last) lead(nodes[shape.result], end);
  return {layers, lines};
}
/// Where across its layer each stands: near what it is joined to, in an order with few crossings.
function place(layers, size, gap) {
  const mean = list => list.reduce((sum, n) => sum + n.at, 0) / list.length;
  const room = n => n.stage === undefined ? 16 : size;
  for (const layer of layers) layer.forEach((n, i) => { n.at = (i - (layer.length - 1) / 2) * (size + gap); });
  for (let sweep = 0; sweep < 8; ++sweep) {
    const side = sweep % 2, walk = side ? [...layers].reverse() : layers;
    for (const layer of walk) {
      for (const n of layer) n.wish = n.near[side].length ? mean(n.near[side]) : n.near[1 - side].length ? mean(n.near[1 - side]) : n.at;
      if (sweep < 6) layer.sort((a, b) => a.wish - b.wish);
      layer.forEach((n, i) => { n.at = i ? Math.max(n.wish, layer[i - 1].at + (room(layer[i - 1]) + room(n)) / 2 + gap) : n.wish; });
      const off = layer.reduce((sum, n) => sum + n.wish - n.at, 0) / layer.length;
      for (const n of layer) n.at += off;
    }
  }
  const all = layers.flat(), least = Math.min(...all.map(n => n.at - room(n) / 2));
  for (const n of all) n.at -= least;
  return Math.max(...all.map(n => n.at + room(n) / 2));
}
function draw(node, shape) {
  node.drawn = shape;
  node.width = node.dag.clientWidth;
  const {layers, lines} = layers_of(shape), high = 72, space = node.width - (node.width < 500 ? 18 : 30), steps = layers.length - 2;
  const most = Math.max(...layers.map(l => l.length)), flat = steps * (178 + 38) + 38;
  const fits = Math.floor((space - 8 * (most - 1)) / most), is_tight = flat > space && fits < 178, wide = is_tight ? Math.max(104, fits) : 178;
  const across = place(layers, wide, is_tight ? 8 : 16);
  // From left to right where there is room for that, else down.
  const is_flat = flat <= space || across > space && flat <= across;
  const length = is_flat ? flat : steps * (high + 30) + 30, breadth = is_flat ? place(layers, high, 14) : across;
  const deep = is_flat ? wide : high, step = deep + (is_flat ? 38 : 30);
  const along = n => n.layer === 0 ? 6 : n.layer > steps ? length - 6 : (n.layer - 1) * step + step - deep + deep / 2;
  const half = n => n.stage === undefined && !n.passes ? 4 : deep / 2;
  const picture = svg('svg', {'aria-hidden': 'true'}), list = el('ol');
  const spot = (a, c) => is_flat ? a + ' ' + c : c + ' ' + a;
  for (const way of lines) {
    let path = '';
    for (let i = 1; i < way.length; ++i) {
      const a = way[i - 1], b = way[i], from = along(a) + half(a), to = along(b) - half(b), middle = (from + to) / 2;
      path += (i > 1 ? 'L' : 'M') + spot(from, a.at) + 'C' + spot(middle, a.at) + ' ' + spot(middle, b.at) + ' ' + spot(to, b.at);
    }
    const b = way[way.length - 1], tip = along(b) - half(b);
    picture.append(svg('path', {d: path}), svg('path', {class: 'head', d: 'M' + spot(tip, b.at) + 'L' + spot(tip - 7, b.at - 3.5) + 'L' + spot(tip - 7, b.at + 3.5) + 'Z'}));
  }
  for (const n of layers.flat()) if (n.stage === undefined && !n.passes) picture.append(svg('circle', is_flat ? {cx: along(n), cy: n.at, r: 4} : {cx: n.at, cy: along(n), r: 4}));
  for (const [what, by] of [['width', is_flat ? length : breadth], ['height', is_flat ? breadth : length]]) { list.style[what] = by + 'px'; picture.setAttribute(what, by); }
  node.stages = [];
  for (const n of layers.flat().filter(n => n.stage !== undefined).sort((a, b) => a.stage - b.stage)) {
    const li = make_stage(node, shape.stages[n.stage]);
    li.style.width = wide + 'px';
    li.style.height = high + 'px';
    li.style.left = (is_flat ? along(n) - wide / 2 : n.at - wide / 2) + 'px';
    li.style.top = (is_flat ? n.at - high / 2 : along(n) - high / 2) + 'px';
    list.append(li);
  }
  list.prepend(picture);
  const canvas = el('div', wide < 150 ? 'canvas tight' : 'canvas', list);
  canvas.setAttribute('aria-label', 'Stages of ' + shape.name);
  canvas.setAttribute('role', 'group');
  node.about = el('p', 'about');
  node.dag.replaceChildren(canvas, node.about);
}
function make_stage(node, stage) {
  const name = el('b', '', stage.name), kind = el('i', '', stage.kind), speed = el('span'), times = el('span'), ill = el('span', 'bad'), line_up = el('span'), bar = el('div', 'time');
  const button = el('button', 'node', el('span', '', name, kind), el('span', '', speed, times), el('span', '', ill, line_up), bar);
  button.type = 'button';
  button.onclick = () => { node.chosen = node.chosen === stage.name ? null : stage.name; update_stages(node, node.drawn.name); };
  node.stages.push({stage, button, speed, times, ill, line_up, bar});
  return el('li', '', button);
}
/// The models that a stage asks.
function asked_by(stage) {
  const all = new Set(stage.needs ? [stage.needs] : []);
  for (const inner of stage.inner ?? []) for (const s of inner.stages) for (const name of asked_by(s)) all.add(name);
  return all;
}
/// How many wait for a stage, of how many that may; `heat` is 0 to 1.
function queue_of(chain, stage) {
  const of = {chain, stage: stage.name};
  let length = value('stage_queue_length', of), capacity = NaN;
  let heat = length > 0 ? length / (length + 4 * Math.max(1, value('stage_queue_consumers', of))) : 0;
  for (const name of asked_by(stage)) for (const m of told.models) if (m.name === name) {
    length = (length || 0) + m.queue.length;
    capacity = (capacity || 0) + m.queue.capacity;
    heat = Math.max(heat, m.queue.capacity ? m.queue.length / m.queue.capacity : 0);
  }
  return {length, capacity, heat};
}
const warmth = heat => String(heat < 0.1 ? 0 : Math.min(1, heat));
function update_stages(node, chain) {
  const all = node.stages.map(v => ({v, q: quantiles('stage_duration_seconds', {chain, stage: v.stage.name})}));
  const slowest = Math.max(...all.map(a => a.q.p99 || 0));
  let about = '';
  for (const {v, q} of all) {
    const of = {chain, stage: v.stage.name}, errors = grown('run_errors_total', of), line_up = queue_of(chain, v.stage);
    put(v.speed, rate(per_second(q.count)));
    put(v.times, times(q.text50, q.text99));
    put(v.ill, errors > 0 ? count(errors) + ' failed' : '');
    put(v.line_up, line_up.length >= 0 ? count(line_up.length) + ' waiting' : '');
    v.line_up.className = line_up.heat >= 0.5 ? 'warm' : 'soft';
    v.button.style.setProperty('--hot', warmth(line_up.heat));
    v.bar.style.width = (slowest > 0 && q.p99 > 0 ? 100 * q.p99 / slowest : 0) + '%';
    v.button.setAttribute('aria-pressed', node.chosen === v.stage.name);
    if (node.chosen === v.stage.name) about = tell_stage(of, v.stage, q, line_up);
  }
  put(node.about, about).hidden = !about;
}
function tell_stage(of, stage, q, line_up) {
  const said = [stage.name + ': ' + stage.kind, count(q.count) + ' times', 'p50 ' + q.text50, 'p99 ' + q.text99];
  for (const [, s] of series('run_errors_total')) {
    const n = matches(s, of) ? grown('run_errors_total', {...of, code: s.labels.code}) : 0;
    if (n > 0) said.push(count(n) + ' failed: ' + s.labels.code);
  }
  for (const [family, what] of [['retries', 'retries'], ['hedges', 'hedges'], ['fallbacks', 'answers by a fallback']]) {
    const n = grown('stage_' + family + '_total', of);
    if (n > 0) said.push(count(n) + ' ' + what);
  }
  const breaker = value('stage_breaker_open', of);
  if (breaker >= 0) said.push('breaker ' + (breaker === 1 ? 'open' : breaker > 0 ? 'probing' : 'closed'));
  if (line_up.length >= 0) said.push(count(line_up.length) + (line_up.capacity >= 0 ? ' of ' + count(line_up.capacity) : '') + ' waiting');
  const models = [...asked_by(stage)];
  if (models.length) said.push('asks ' + models.join(', '));
  return said.join(' · ');
}

// ---- models ----

function row_of(table) {
  const row = el('tr');
  for (const head of table.tHead.rows[0].cells) {
    const cell = el('td', head.className);
    cell.dataset.is = head.textContent;
    row.append(cell);
  }
  return row;
}
function show_models(models) {
  put($('n_models'), models.length ? String(models.length) : '');
  $('no_models').hidden = models.length > 0;
  $('models').hidden = !models.length;
  keep($('models').tBodies[0], models, m => m.name + '\n' + m.version, m => {
    const row = row_of($('models')), cells = row.cells, fill = el('span');
    cells[0].append(el('b', '', m.name), el('span', 'soft', ' ' + m.version));
    row.queue = el('span');
    row.fill = fill;
    cells[5].append(el('div', 'queue', el('span', 'track', fill), row.queue));
    return row;
  }, (row, m) => {
    const of = {model: m.name, version: m.version}, c = row.cells, heat = m.queue.capacity ? m.queue.length / m.queue.capacity : 0;
    const rows = grown('model_rows_total', of), lost = grown('model_lost_requests_total', of);
    put(c[1], (m.hot ? 'hot' : 'cold') + (m.instances === 1 ? '' : ' × ' + m.instances)).className = m.hot ? '' : 'soft';
    put(c[2], rate(per_second(rows)));
    const mean = rows / grown('model_batches_total', of);
    put(c[3], isFinite(mean) ? mean.toFixed(2) : none);
    put(c[4], quantiles('model_batch_duration_seconds', of).text99);
    put(row.queue, count(m.queue.length) + ' of ' + count(m.queue.capacity));
    row.fill.style.width = 100 * Math.min(1, heat) + '%';
    row.fill.style.setProperty('--hot', warmth(heat));
    put(c[6], quantiles('model_queue_wait_seconds', of).text99);
    put(c[7], count(lost)).className = lost > 0 ? 'n bad' : 'n';
    put(c[8], m.load_seconds > 0 ? time(m.load_seconds) : none);
    put(c[9], m.warm_up_seconds > 0 ? time(m.warm_up_seconds) : none);
  });
}

// ---- runs ----

function show_flight(runs) {
  const most = 10, shown = runs.in_flight.slice(0, most);
  const is_traced = now.all.has('catena_traces_total');
  put($('n_flight'), String(runs.in_flight_count) + (runs.in_flight_count > shown.length && shown.length ? ', the oldest ' + shown.length : ''));
  put($('no_tracer'), runs.missing ?? '').hidden = is_traced;
  $('flight').hidden = !shown.length;
  $('no_flight').hidden = shown.length > 0 || !is_traced;
  keep($('flight').tBodies[0], shown, r => r.id, r => {
    const row = row_of($('flight'));
    row.cells[0].append(el('b', '', r.chain));
    put(row.cells[6], String(r.id));
    return row;
  }, (row, r) => {
    const first = r.waits[0], more = r.waits.length > 1 ? ', ' + (r.waits.length - 1) + ' more' : '', c = row.cells;
    put(c[1], first ? first.stage.startsWith(r.chain + '/') ? first.stage.slice(r.chain.length + 1) : first.stage : none);
    put(c[2], (first ? first.for + more : 'its turn') + (r.stopped ? ', told to stop' : ''));
    put(c[3], first ? time(first.seconds) : none);
    put(c[4], time(r.seconds));
    put(c[5], 'deadline_in_seconds' in r ? r.deadline_in_seconds > 0 ? time(r.deadline_in_seconds) : 'passed' : none);
    c[5].className = r.deadline_in_seconds <= 0 ? 'n bad' : 'n';
    row.title = r.waits.map(w => w.stage + ': ' + w.for + ', ' + time(w.seconds)).join('\n');
  });
  // It does not become smaller, so that nothing below moves up and down.
  const room = $('flight_room');
  room.style.minHeight = Math.max(parseFloat(room.style.minHeight) || 0, room.offsetHeight) + 'px';
}

const kinds = ['work', 'queue', 'admission', 'cache', 'backoff', 'batch_wait', 'compute', 'transfer', 'parked', 'hand_over'];
const part_class = what => 'p_' + (kinds.includes(what) ? what : 'other');
const opened = new Set();  // traces whose spans are shown
let held = null;           // the list as it was when the first of them was opened: what one reads does not move
const kind = () => document.querySelector('input[name=kind]:checked').value;
const ended = kind => [...told.runs.notable, ...told.runs.recent].filter(t => t.kept_for === kind);
function show_ended(runs) {
  for (const input of document.querySelectorAll('#kind input')) put(input.nextSibling, input.value[0].toUpperCase() + input.value.slice(1) + ' ' + ended(input.value).length);
  const current = ended(kind());
  put($('no_ring'), runs.missing ?? '').hidden = !runs.missing || !now.all.has('catena_traces_total');
  if (!opened.size) held = null;
  const shown = held ?? current, newer = held ? current.filter(t => !held.some(h => h.trace_id === t.trace_id)).length : 0;
  $('newer').hidden = !newer;
  put($('newer'), newer + ' newer');
  $('no_ended').hidden = shown.length > 0 || 'missing' in runs;
  put($('no_ended'), {failed: 'None has failed.', slow: 'None was slow.', sampled: 'None has been sampled.'}[kind()]);
  keep($('ended'), shown, t => t.trace_id, make_run, () => {});
}
function make_run(t) {
  const run = t.spans[0], why = run.error ?? '', node = el('li');
  const tag = el('span', 'tag ' + ({failed: 'bad', slow: 'warm'}[t.kept_for] ?? 'soft'), t.kept_for);
  const button = el('button', 'run', tag, el('b', '', run.name), el('span', 'soft', why || slowest_of(t)), el('span', 'n', time(length_of(t))));
  button.type = 'button';
  button.setAttribute('aria-expanded', false);
  button.onclick = () => {
    const is_open = opened.has(t.trace_id);
    if (is_open) opened.delete(t.trace_id); else { opened.add(t.trace_id); held = held ?? ended(kind()); }
    if (!node.fall) node.append(node.fall = make_waterfall(t));
    node.fall.hidden = is_open;
    button.setAttribute('aria-expanded', !is_open);
    show_ended(told.runs);
  };
  node.append(button);
  return node;
}
function forget_opened() {
  opened.clear();
  held = null;
  $('ended').kept = new Map();
  $('ended').replaceChildren();
  show();
}
const length_of = t => t.spans[0].seconds >= 0 ? t.spans[0].seconds : Math.max(...t.spans.map(s => s.at + Math.max(0, s.seconds)));
function slowest_of(t) {
  const s = t.spans.filter(s => s.kind === 'stage').reduce((a, b) => b.seconds > (a?.seconds ?? -1) ? b : a, null);
  return s ? 'most of it in ' + s.name + ', ' + time(s.seconds) : '';
}
/// The spans, each under the one that it belongs to, in the order in which they began.
function tree_of(spans) {
  const under = new Map(), ids = new Set(spans.map(s => s.id)), all = [];
  for (const s of spans) {
    const parent = s !== spans[0] && ids.has(s.parent) ? s.parent : null;
    under.set(parent, [...under.get(parent) ?? [], s]);
  }
  const add = (parent, deep) => {
    for (const s of (under.get(parent) ?? []).sort((a, b) => a.at - b.at)) { all.push({s, deep}); if (deep < 60) add(s.id, deep + 1); }
  };
  add(null, 0);
  return all;
}
const numbered = 'catena.number';
function tell_attribute(name, v) {
  if (typeof v === 'number' && name.endsWith('_seconds')) return name.slice(0, -8).replaceAll('_', ' ') + ' ' + time(v);
  return name.replaceAll('_', ' ') + ' ' + (typeof v === 'number' ? digits(v, 4) : v);
}
function make_waterfall(t) {
  const whole = Math.max(1e-9, length_of(t)), used = new Set(), box = el('div', 'fall'), legend = el('ul', 'legend');
  const bar = (name, at, seconds) => {
    const made = el('span', name);
    made.style.left = Math.min(100, 100 * at / whole) + '%';
    made.style.width = Math.max(0, Math.min(100 - 100 * at / whole, 100 * seconds / whole)) + '%';
    return made;
  };
  box.append(legend);
  for (const {s, deep} of tree_of(t.spans)) {
    const is_open = s.seconds < 0, seconds = is_open ? whole - s.at : s.seconds, lane = el('span', 'lane', bar('whole' + (s.error ? ' broke' : ''), s.at, seconds));
    for (const p of s.parts ?? []) {
      const part = bar(part_class(p.what), p.at, p.seconds);
      part.title = p.what.replace('_', ' ') + ' ' + time(p.seconds);
      used.add(p.what);
      lane.append(part);
    }
    const name = el('span', '', s.name + (s.attributes && numbered in s.attributes ? ' ' + s.attributes[numbered] : '')), row = el('div', 'row', name, lane, el('span', 'n', is_open ? 'not ended' : time(seconds)));
    name.title = s.kind + ' ' + s.name;
    row.style.setProperty('--deep', deep);
    const more = Object.entries(s.attributes ?? {}).filter(([k]) => k !== numbered).map(([k, v]) => tell_attribute(k.replace(/^catena\./, ''), v)).join(' · ');
    if (s.error) row.append(el('span', 'said bad', s.error));
    if (more) row.append(el('span', 'said', more));
    box.append(row);
  }
  for (const what of [...used].sort((a, b) => kinds.indexOf(a) - kinds.indexOf(b))) legend.append(el('li', '', el('span', part_class(what)), what.replace('_', ' ')));
  box.append(el('p', 'said', 'trace ' + t.trace_id));
  return box;
}

// ---- asking ----

const store = 'catena-token';
let told = null, heard = 0, fault = '', turn = 0;
class no_token extends Error {}
async function ask(path) {
  const token = sessionStorage.getItem(store);
  const answer = await fetch(path, {cache: 'no-store', headers: token ? {Authorization: 'Bearer ' + token} : {}, signal: AbortSignal.timeout(8000)});
  if (answer.status === 401) throw new no_token(token ? 'That was not the token.' : 'This endpoint tells only who has its token.');
  if (!answer.ok && path !== '/readyz') throw new Error(path + ' answers ' + answer.status);
  return answer.text();
}
function ask_for_token(why) {
  sessionStorage.removeItem(store);
  if ($('ask').open) return;
  put($('why'), why);
  $('token').value = '';
  $('ask').showModal();
}
$('ask').addEventListener('close', () => {
  if ($('token').value) sessionStorage.setItem(store, $('token').value.trim());
  $('token').value = '';
  look();
});
$('forget').onclick = () => { sessionStorage.removeItem(store); location.reload(); };

function show() {
  if (!told) return;
  choose_base();
  $('no_metrics').hidden = !told.chains.length || now.all.has('catena_runs_total');
  $('forget').hidden = !sessionStorage.getItem(store);
  show_totals();
  show_chains(told.chains);
  show_models(told.models);
  show_flight(told.runs);
  show_ended(told.runs);
}
function show_state() {
  const silent = heard ? Math.round(performance.now() / 1000 - heard) : 0, is_away = fault !== '' && (silent >= 3 || !heard);
  const reasons = told?.ready.reasons ?? [];
  document.body.className = is_away ? 'away' : !told ? '' : reasons.length ? 'unready' : 'live';
  put($('silent'), is_away && heard ? ' since ' + time(silent) : '');
  put($('said'), is_away ? 'no answer' + (fault === 'away' ? '' : ': ' + fault)
    : !told ? 'connecting' : reasons.length ? 'not ready: ' + reasons.join('; ') : 'ready');
}
async function look() {
  const mine = ++turn;
  try {
    const [metrics, chains, models, runs, ready] = await Promise.all(['/metrics', '/chains', '/models', '/runs', '/readyz'].map(ask));
    if (mine !== turn) return;
    const next = {chains: JSON.parse(chains).chains, models: JSON.parse(models).models, runs: JSON.parse(runs), ready: JSON.parse(ready)};
    heard = performance.now() / 1000;
    took(heard, read(metrics));
    // A chain that was built anew may be another one.
    for (const name of shapes.keys()) if (told && stages_of(told, name) !== stages_of(next, name)) shapes.delete(name);
    told = next;
    fault = '';
    show();
  } catch (why) {
    if (mine !== turn) return;
    if (why instanceof no_token) return ask_for_token(why.message);
    fault = why instanceof TypeError || why.name === 'TimeoutError' ? 'away' : why.message;
  }
  show_state();
  setTimeout(() => { if (mine === turn && !document.hidden) look(); }, past.length < 2 && told && now === past[0] ? 1000 : 2000);
}
const stages_of = (all, name) => all.chains.find(c => c.name === name)?.stages;

put($('place'), location.host);
document.title = 'catena, ' + location.host;
for (const input of document.querySelectorAll('#span input')) input.onchange = show;
for (const input of document.querySelectorAll('#kind input')) input.onchange = forget_opened;
$('newer').onclick = () => { forget_opened(); };
document.addEventListener('visibilitychange', () => { if (!document.hidden) look(); });
new ResizeObserver(() => {
  for (const node of $('chains').children) if (node.drawn && node.is_open && node.dag.clientWidth !== node.width) { draw(node, node.drawn); update_stages(node, node.drawn.name); }
}).observe($('chains'));
setInterval(show_state, 1000);
look();
