// A list of which only what is seen is in the document.
const ROW = 56; // pixels, as in the style

class List {
  constructor(open) {
    this.open = open;
    this.rows = [];
    this.at = -1;
    this.made = new Map();
    this.node = $("list");
    this.spacer = $("spacer");
    this.node.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.node);
    this.node.addEventListener("click", (event) => {
      const row = event.target.closest("[data-at]");
      if (row) this.select(Number(row.dataset.at));
    });
  }

  show(rows) {
    const kept = this.rows[this.at];
    this.rows = rows;
    this.spacer.style.height = `${rows.length * ROW}px`;
    for (const node of this.made.values()) node.remove();
    this.made.clear();
    this.at = kept ? rows.indexOf(kept) : -1;
    if (this.at < 0) this.node.scrollTop = 0;
    this.draw();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.node.scrollTop / ROW) - 4);
    const last = Math.min(this.rows.length, Math.ceil((this.node.scrollTop + this.node.clientHeight) / ROW) + 4);
    for (const [at, node] of this.made) {
      if (at < first || at >= last) {
        node.remove();
        this.made.delete(at);
      }
    }
    for (let at = first; at < last; at++) {
      if (!this.made.has(at)) {
        const node = this.make(this.rows[at], at);
        this.made.set(at, node);
        this.spacer.append(node);
      }
    }
  }

  make(row, at) {
    const node = el("div", {
      class: `row ${row.state}`, role: "option", id: `row-${at}`, "data-at": at,
      "aria-selected": at === this.at, "aria-posinset": at + 1, "aria-setsize": this.rows.length,
    },
    el("span", { class: "dot", title: STATES[row.state] }),
    el("span", { class: "task" }, visible(row.task), row.attempt ? el("small", {}, ` · ${row.attempt}`) : null),
    el("span", { class: "reward" }, row.reward === null ? "–" : number(row.reward)),
    el("span", { class: "query" }, visible(row.query)),
    el("span", { class: "turns" }, `${row.turns} ${row.turns === 1 ? "turn" : "turns"}`));
    node.style.transform = `translateY(${at * ROW}px)`;
    return node;
  }

  select(at, focus = true) {
    if (at < 0 || at >= this.rows.length) return;
    this.made.get(this.at)?.setAttribute("aria-selected", "false");
    this.at = at;
    const top = at * ROW;
    const height = this.node.clientHeight;
    if (top < this.node.scrollTop) this.node.scrollTop = top;
    else if (top + ROW > this.node.scrollTop + height) this.node.scrollTop = top + ROW - height;
    this.draw();
    this.made.get(at)?.setAttribute("aria-selected", "true");
    this.node.setAttribute("aria-activedescendant", `row-${at}`);
    if (focus) this.node.focus({ preventScroll: true });
    this.open(this.rows[at]);
  }

  move(by) {
    this.select(Math.max(0, Math.min(this.rows.length - 1, this.at + by)));
  }

  page() {
    return Math.max(1, Math.floor(this.node.clientHeight / ROW) - 1);
  }
}
