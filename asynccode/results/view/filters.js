// Which episodes are shown, and in which order.
const filter = { words: "", deep: false, state: "", stop: "", sort: "position", labels: {}, reward: null, turns: null };

const SORTS = {
  position: ["as they ended", (a, b) => a.position - b.position],
  task: ["task", (a, b) => a.task.localeCompare(b.task, undefined, { numeric: true }) || a.attempt - b.attempt],
  low: ["reward, lowest first", (a, b) => (a.reward ?? -9) - (b.reward ?? -9)],
  high: ["reward, highest first", (a, b) => (b.reward ?? -9) - (a.reward ?? -9)],
  turns: ["turns, most first", (a, b) => b.turns - a.turns],
  seconds: ["time, longest first", (a, b) => (b.seconds ?? -1) - (a.seconds ?? -1)],
};
const STATES = { solved: "solved", unsolved: "not solved", broken: "not judged" };

function makeFilters(index, changed) {
  const select = (name, first, options, set) => {
    if (options.length < 2) return;
    const node = el("select", { "aria-label": name, onchange: () => { set(node.value); changed(); } },
      first === null ? null : el("option", { value: "" }, first),
      options.map(([value, text]) => el("option", { value }, text)));
    $("selects").append(node);
  };
  const counts = (get) => {
    const found = new Map();
    for (const row of index.rows) found.set(get(row), (found.get(get(row)) ?? 0) + 1);
    return [...found].filter(([value]) => value !== null && value !== undefined)
      .sort((a, b) => String(a[0]).localeCompare(String(b[0]), undefined, { numeric: true }))
      .map(([value, count]) => [value, `${STATES[value] ?? value} (${count})`]);
  };
  select("State", "any state", counts((row) => row.state), (value) => { filter.state = value; });
  select("End", "any end", counts((row) => row.stop), (value) => { filter.stop = value; });
  for (const label of new Set(index.labels.flatMap(Object.keys))) {
    select(label, `any ${label}`, counts((row) => row.labels[label]), (value) => { filter.labels[label] = value; });
  }
  select("Order", null, Object.entries(SORTS).map(([value, [text]]) => [value, text]), (value) => { filter.sort = value; });
  let waiting = 0;
  $("search").addEventListener("input", () => {
    filter.words = $("search").value;
    clearTimeout(waiting);
    waiting = setTimeout(changed, 120);
  });
  $("deep").addEventListener("change", () => { filter.deep = $("deep").checked; changed(); });
  $("clear").addEventListener("click", () => clearFilters(changed));
}

function clearFilters(changed) {
  Object.assign(filter, { words: "", deep: false, state: "", stop: "", labels: {}, reward: null, turns: null });
  $("search").value = "";
  $("deep").checked = false;
  const selects = [...$("selects").querySelectorAll("select")];
  for (const node of selects.slice(0, -1)) node.value = ""; // the last is the order
  changed();
}

const isFiltered = () => Boolean(filter.words || filter.state || filter.stop || filter.reward || filter.turns
  || Object.values(filter.labels).some(Boolean));

const within = (range, value) => range === null || (value !== null && value >= range[0] && value <= range[1]);

function matches(row) {
  return (!filter.state || row.state === filter.state)
    && (!filter.stop || row.stop === filter.stop)
    && within(filter.reward, row.reward) && within(filter.turns, row.turns)
    && Object.entries(filter.labels).every(([label, value]) => !value || row.labels[label] === value);
}

// Gives the rows; with `deep`, those whose steps hold the words, as they are found.
async function chosen(index, isCurrent, progress) {
  const words = filter.words.toLowerCase().split(/\s+/).filter(Boolean);
  const possible = index.rows.filter(matches);
  const inWords = (text) => words.every((word) => text.includes(word));
  let rows = possible.filter((row) => inWords(row.words));
  if (filter.deep && words.length) {
    const found = new Set(rows);
    let seen = 0;
    for (const row of [...possible].sort((a, b) => a.chunk - b.chunk || a.line - b.line)) {
      const text = (await chunk(row.chunk))[row.line].toLowerCase();
      if (!isCurrent()) return null;
      if (words.every((word) => text.includes(JSON.stringify(word).slice(1, -1)))) found.add(row);
      if (++seen % 500 === 0) progress(seen, possible.length);
    }
    rows = possible.filter((row) => found.has(row));
  }
  return rows.sort((a, b) => SORTS[filter.sort][1](a, b) || a.position - b.position);
}
