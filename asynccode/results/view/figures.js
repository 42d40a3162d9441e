// The summary: cards and tables.
function interval(made) {
  return made === null || made.low === null ? "" : `${(100 * made.low).toFixed(1)} to ${(100 * made.high).toFixed(1)} %`;
}

function card(name, value, note, kind = "") {
  return el("div", { class: `card ${kind}` }, el("span", { class: "name" }, name),
    el("strong", {}, value), el("small", {}, note || "\u00a0"));
}

function drawCards(index) {
  const made = index.figures;
  const cards = [];
  if (made.success_rate) cards.push(card("Success", percent(made.success_rate.value), `95 %: ${interval(made.success_rate)}`, "main"));
  cards.push(card("Episodes", String(made.episodes), `${made.tasks} tasks, ${made.solved} solved`));
  if (made.turns) cards.push(card("Turns", number(made.turns.value), "mean"));
  if (made.reward) cards.push(card("Reward", number(made.reward.value, 3), "mean"));
  if (made.error) cards.push(card("Errors", percent(made.error.value), "actions not executed, mean"));
  if (made.tokens_in) cards.push(card("Tokens", `${short(made.tokens_in)} in`, `${short(made.tokens_out ?? 0)} out`));
  const unjudged = made.episodes - made.judged;
  if (unjudged) cards.push(card("Not judged", String(unjudged), "broken or cancelled: in no rate", "broken"));
  $("cards").append(...cards);
}

const short = (count) => (count >= 1e6 ? `${(count / 1e6).toFixed(1)} M` : count >= 1e4 ? `${(count / 1e3).toFixed(0)} k` : String(count));

function table(title, head, rows, kind = "") {
  return el("details", { class: `table ${kind}` }, el("summary", {}, title), el("div", { class: "scroll" }, el("table", {},
    el("thead", {}, el("tr", {}, head.map((text) => el("th", { scope: "col" }, text)))),
    el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell, n) => el(n ? "td" : "th", n ? {} : { scope: "row" }, cell))))))));
}

function figureRow(name, made) {
  return [visible(name), String(made.episodes), String(made.harness_errors || ""),
    made.success_rate ? percent(made.success_rate.value) : "–", interval(made.success_rate),
    made.first_turn ? percent(made.first_turn.value) : "–", made.turns ? number(made.turns.value) : "–",
    made.error ? percent(made.error.value) : "–", made.reward ? number(made.reward.value, 3) : "–"];
}

function drawTables(index) {
  const head = ["", "episodes", "harness errors", "success", "95 %", "after one turn", "turns", "errors", "reward"];
  for (const [label, groups] of Object.entries(index.groups)) {
    const rows = Object.entries(groups).map(([name, made]) => figureRow(name, made));
    $("tables").append(table(`By ${label}`, [label, ...head.slice(1)], [...rows, figureRow("all", index.figures)]));
  }
  const passed = Object.entries(index.figures.pass_at);
  if (passed.length) {
    $("tables").append(table("pass@k", ["k", "solved", "95 %", "tasks"],
      passed.map(([k, made]) => [k, percent(made.value), interval(made), String(made.n)])));
  }
  const ends = Object.entries(index.figures.stop_reasons).sort((a, b) => b[1] - a[1]);
  if (ends.length) $("tables").append(table("How episodes ended", ["end", "episodes"], ends.map(([name, count]) => [visible(name), String(count)])));
  const settings = flattened("", index.manifest).map(([name, value]) => [visible(name), el("code", {}, visible(value))]);
  if (settings.length) $("tables").append(table("Settings of the run", ["setting", "value"], settings, "texts"));
  if (index.skipped.length) $("tables").append(table(`Left out (${index.skipped.length})`, ["what"], index.skipped.map((note) => [visible(note)]), "texts"));
}

// Names of what is set, with dots, and the values as text.
function flattened(prefix, value) {
  if (value === null || value === undefined) return [];
  if (typeof value !== "object") return [[prefix, String(value)]];
  if (Array.isArray(value)) return value.length ? [[prefix, value.map((item) => (typeof item === "string" ? item : JSON.stringify(item))).join(" ")]] : [];
  return Object.entries(value).flatMap(([name, inner]) => flattened(prefix ? `${prefix}.${name}` : name, inner));
}
