// What the page holds: gzip in base64, unpacked when it is looked at.
const $ = (id) => document.getElementById(id);

async function unpack(id) {
  const raw = atob($(id).textContent.trim());
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

const CHUNKS_KEPT = 6;
const chunks = new Map(); // number -> promise of its lines, the latest used last

function chunk(number) {
  const lines = chunks.get(number) ?? unpack(`chunk-${number}`).then((text) => text.split("\n"));
  chunks.delete(number);
  chunks.set(number, lines);
  if (chunks.size > CHUNKS_KEPT) chunks.delete(chunks.keys().next().value);
  return lines;
}

const load = async (row) => JSON.parse((await chunk(row.chunk))[row.line]);

async function readIndex() {
  const index = JSON.parse(await unpack("index"));
  const { fields, tasks, stops, labels } = index;
  index.rows = index.rows.map((values, position) => {
    const row = { position };
    fields.forEach((name, n) => { row[name] = values[n]; });
    [row.task, row.query] = tasks[row.task];
    row.stop = stops[row.stop];
    row.labels = labels[row.labels];
    row.judged = !["harness_error", "policy_error", "cancelled"].includes(row.stop);
    row.state = row.judged ? (row.solved ? "solved" : "unsolved") : "broken";
    row.words = `${row.task} ${row.query}`.toLowerCase();
    return row;
  });
  return index;
}

// Elements are made node by node: nothing that was recorded is ever read as markup.
function el(tag, attributes = {}, ...children) {
  const svg = ["svg", "g", "rect", "path", "line", "text", "title", "circle"].includes(tag);
  const node = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

// Control characters get a picture, and those that reorder text a name.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

function visible(text) {
  return String(text).replace(/\r\n/g, "\n").replace(HIDDEN, (found) => {
    const code = found.codePointAt(0);
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    if (code === 0x7f) return "\u2421";
    return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
  });
}

const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;
const number = (value, digits = 2) => (value === null || value === undefined ? "–" : String(+value.toFixed(digits)));
const duration = (seconds) => {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  return seconds < 120 ? `${seconds.toFixed(1)} s` : `${(seconds / 60).toFixed(1)} min`;
};
