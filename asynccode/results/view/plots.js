// Plots of all judged episodes; a bar that is clicked is a filter.
const WIDE = 360, HIGH = 116, LEFT = 34, BOTTOM = 22;

function frame(title, note, ...parts) {
  return el("figure", {}, el("figcaption", {}, title, el("small", {}, note)),
    el("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": `${title}. ${note}` }, parts));
}

function axis(high, labels) {
  const bottom = HIGH - BOTTOM;
  return [
    ...[0, 0.5, 1].map((share) => el("g", { class: "grid" },
      el("line", { x1: LEFT, x2: WIDE - 4, y1: bottom - share * (bottom - 10), y2: bottom - share * (bottom - 10) }),
      el("text", { x: LEFT - 5, y: bottom - share * (bottom - 10) + 3.5, "text-anchor": "end" }, high(share)))),
    ...labels.map(([x, text]) => el("text", { x, y: HIGH - 7, "text-anchor": "middle" }, text)),
  ];
}

function bars(title, note, of, groups, choose) {
  const most = Math.max(1, ...groups.map((group) => group.rows.length));
  const width = (WIDE - LEFT - 6) / groups.length;
  const bottom = HIGH - BOTTOM, scale = (bottom - 10) / most;
  const every = Math.ceil(groups.length / 11);
  const labels = groups.map((group, n) => [LEFT + (n + 0.5) * width, n % every ? "" : group.name]);
  return frame(title, note, axis((share) => String(+(share * most).toFixed(most < 4 ? 1 : 0)), labels),
    groups.map((group, n) => {
      const solved = group.rows.filter((row) => row.solved).length;
      const x = LEFT + n * width + Math.min(2, width * 0.1), wide = width - 2 * Math.min(2, width * 0.1);
      const text = `${group.title}: ${group.rows.length} episodes, ${solved} solved`;
      const pick = () => group.rows.length && choose(group);
      return el("g", {
        class: "bar", "data-of": of, "data-from": group.range[0], tabindex: group.rows.length ? 0 : null, role: "button", "aria-label": text, onclick: pick,
        onkeydown: (event) => { if (event.key === "Enter") pick(); },
      },
      el("title", {}, text),
      el("rect", { class: "hit", x, y: 8, width: wide, height: bottom - 8 }),
      el("rect", { class: "unsolved", x, y: bottom - group.rows.length * scale, width: wide, height: (group.rows.length - solved) * scale }),
      el("rect", { class: "solved", x, y: bottom - solved * scale, width: wide, height: solved * scale }));
    }));
}

function rewardGroups(rows) {
  const scored = rows.filter((row) => row.reward !== null);
  const low = scored.reduce((found, row) => Math.min(found, Math.floor(row.reward * 10) / 10), 0);
  const count = Math.round((1 - low) * 10);
  const groups = Array.from({ length: count + 1 }, (_, n) => {
    const from = low + n / 10;
    const exact = n === count;
    return {
      name: number(from, 1), rows: [], range: exact ? [1 - 1e-9, Infinity] : [from - 1e-9, from + 0.1 - 2e-9],
      title: exact ? "reward 1" : `reward ${number(from, 1)} to below ${number(from + 0.1, 1)}`,
    };
  });
  for (const row of scored) {
    const at = row.reward >= 1 ? count : Math.floor((row.reward - low) * 10 + 1e-9);
    groups[Math.max(0, Math.min(count, at))].rows.push(row);
  }
  return groups;
}

function turnGroups(rows) {
  const most = rows.reduce((found, row) => Math.max(found, row.turns), 1);
  const step = Math.ceil((most + 1) / 30);
  const groups = Array.from({ length: Math.floor(most / step) + 1 }, (_, n) => {
    const from = n * step, to = from + step - 1;
    const name = step === 1 ? String(from) : `${from}–${to}`;
    return { name: String(from), title: `${name} turns`, range: [from, to], rows: [] };
  });
  for (const row of rows) groups[Math.floor(row.turns / step)].rows.push(row);
  return groups[0].rows.length ? groups : groups.slice(1);
}

function curve(rows) {
  const most = rows.reduce((found, row) => Math.max(found, row.turns, row.solved_at), 1);
  const within = Array(most + 1).fill(0);
  for (const row of rows) if (row.solved) within[row.solved_at] += 1;
  for (let n = 1; n <= most; n++) within[n] += within[n - 1];
  const x = (turn) => LEFT + (turn / most) * (WIDE - LEFT - 10);
  const y = (count) => HIGH - BOTTOM - (count / rows.length) * (HIGH - BOTTOM - 10);
  let line = `M${x(0)} ${y(within[0])}`;
  for (let n = 1; n <= most; n++) line += ` H${x(n)} V${y(within[n])}`;
  const every = Math.ceil(most / 10);
  const labels = within.map((_, n) => [x(n), n % every ? "" : String(n)]);
  const area = `${line} V${HIGH - BOTTOM} H${x(0)} Z`;
  return frame("Success against turns", "solved within so many turns",
    axis((share) => `${share * 100} %`, labels),
    el("path", { class: "area", d: area }), el("path", { class: "curve", d: line }),
    within.map((count, n) => el("circle", { class: "point", cx: x(n), cy: y(count), r: Math.min(9, 130 / (most + 1)) },
      el("title", {}, `within ${n} turns: ${percent(count / rows.length)} (${count} of ${rows.length})`))));
}

function drawPlots(index, changed) {
  const rows = index.rows.filter((row) => row.judged);
  if (!rows.length) return;
  const toggle = (name) => (group) => {
    filter[name] = filter[name]?.[0] === group.range[0] ? null : group.range;
    changed();
  };
  $("plots").append(
    bars("Rewards", "solved in green; click to filter", "reward", rewardGroups(rows), toggle("reward")),
    bars("Turns", "solved in green; click to filter", "turns", turnGroups(rows), toggle("turns")),
    curve(rows));
}
