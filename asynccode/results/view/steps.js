// One episode, step by step.
const SHOWN = 6000; // characters of an output that are shown at once

function block(text, kind) {
  const whole = visible(text);
  const pre = el("pre", { class: kind, tabindex: 0 }, whole.slice(0, SHOWN));
  if (whole.length <= SHOWN) return pre;
  const rest = whole.length - SHOWN;
  const more = el("button", { class: "more", onclick: () => { pre.textContent = whole; more.remove(); } },
    `show ${rest.toLocaleString("en")} more characters`);
  return el("div", {}, pre, more);
}

function badge(text, kind = "") {
  return el("span", { class: `badge ${kind}` }, visible(text));
}

function drawStep(step, n, count) {
  const failed = step.valid === false || (step.outcome !== null && step.outcome !== "ok");
  const facts = [
    step.outcome === null ? null : badge(step.outcome.replaceAll("_", " "), failed ? "bad" : "good"),
    step.outcome === null && step.valid === false ? badge("not executed", "bad") : null,
    step.exit_code ? badge(`exit ${step.exit_code}`) : null,
    step.truncated ? badge("output cut", "bad") : null,
    step.reward === null ? null : badge(`reward ${number(step.reward)}`, step.reward >= 1 ? "good" : ""),
    step.price ? badge(`price ${number(step.price)}`) : null,
    step.seconds ? el("span", { class: "time" }, duration(step.seconds)) : null,
  ];
  const parts = [];
  if (step.thought) parts.push(el("p", { class: "thought" }, visible(step.thought)));
  parts.push(block(step.action, "action"));
  if (step.observation !== null) {
    parts.push(step.observation === "" ? el("p", { class: "nothing" }, "no output") : block(step.observation, "output"));
  }
  if (step.shown !== null && step.shown !== undefined && step.shown !== step.observation) {
    parts.push(el("details", {}, el("summary", {}, "what the agent was shown instead"), block(step.shown || "(nothing)", "output")));
  }
  if (step.calls?.length) parts.push(drawCalls(step.calls));
  return el("section", { class: `step ${failed ? "failed" : ""}`, id: `step-${n}`, tabindex: -1, "aria-label": `Step ${n} of ${count}` },
    el("div", { class: "head" }, el("span", { class: "number" }, String(n)), facts), parts);
}

function drawCalls(calls) {
  const tokens = calls.map((call) => `${call.tokens_in ?? "?"} tokens in, ${call.tokens_out ?? "?"} out, ${duration(call.seconds)}`);
  return el("details", {}, el("summary", {}, `asked the model: ${tokens.join("; ")}`), calls.map((call) => [
    ...[...(call.messages ?? []), call.reply].filter(Boolean).map((message) => el("div", { class: "message" },
      badge(message.role ?? "?"), block(typeof message.content === "string" ? message.content : JSON.stringify(message, null, 1), "output"))),
    call.reasoning ? el("div", { class: "message" }, badge("reasoning"), block(call.reasoning, "output")) : null,
  ]));
}

function drawParts(parts) {
  const rows = Object.entries(parts);
  if (!rows.length) return null;
  return el("div", { class: "parts" }, rows.map(([name, value]) => {
    const bar = el("span", { class: "bar" }, el("i"));
    bar.firstChild.style.width = `${Math.max(0, Math.min(1, Number(value) || 0)) * 100}%`;
    return el("div", {}, el("span", {}, visible(name.replaceAll("_", " "))), bar,
      el("span", { class: "value" }, typeof value === "number" ? number(value, 3) : visible(JSON.stringify(value))));
  }));
}

function drawTimeline(steps, jump) {
  const total = steps.reduce((sum, step) => sum + (step.seconds ?? 0), 0);
  if (!total || steps.length < 2) return null;
  return el("div", { class: "timeline", "aria-hidden": "true" }, steps.map((step, n) => {
    const node = el("button", { tabindex: -1, title: `step ${n + 1}: ${duration(step.seconds)}`, class: step.valid === false ? "bad" : "", onclick: () => jump(n + 1) });
    node.style.flexGrow = String(Math.max((step.seconds ?? 0) / total, 0.004));
    return node;
  }));
}

function drawEpisode(row, episode) {
  const jump = (n) => {
    const node = $(`step-${n}`);
    if (!node) return;
    node.scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    node.focus({ preventScroll: true });
  };
  const steps = episode.steps;
  const labels = Object.entries(row.labels).map(([name, value]) => badge(`${name}: ${value}`));
  const facts = [
    badge(STATES[row.state], { solved: "good", unsolved: "", broken: "bad" }[row.state]),
    row.stop ? badge(row.stop.replaceAll("_", " ")) : null,
    row.reward === null ? null : badge(`reward ${number(row.reward, 3)}`),
    badge(`${row.turns} ${row.turns === 1 ? "turn" : "turns"}`),
    row.seconds === null ? null : badge(duration(row.seconds)),
    row.tokens ? badge(`${row.tokens} tokens`) : null, ...labels,
  ];
  $("detail").replaceChildren(
    el("div", { class: "top" },
      el("h2", {}, visible(row.task), row.attempt ? el("small", {}, ` attempt ${row.attempt}`) : null),
      el("div", { class: "facts" }, facts),
      el("p", { class: "asked" }, visible(episode.query)),
      episode.error ? el("p", { class: "error" }, visible(episode.error)) : null,
      drawParts(episode.reward_parts), drawTimeline(steps, jump)),
    ...steps.map((step, n) => drawStep(step, n + 1, steps.length)),
    steps.length ? "" : el("p", { class: "empty" }, "No step was taken."));
  $("detail").scrollTop = 0;
  return { count: steps.length, jump };
}
