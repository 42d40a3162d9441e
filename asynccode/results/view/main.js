// Puts the parts together: keys, the address, light and dark.
async function main() {
  const index = await readIndex();
  let steps = { count: 0, jump: () => {} }, at = 0, asked = 0, wanted = null;

  async function open(row) {
    wanted = row;
    history.replaceState(null, "", `#${encodeURIComponent(row.task)}/${row.attempt}`);
    const episode = await load(row);
    if (wanted !== row) return; // another was opened meanwhile
    steps = drawEpisode(row, episode);
    at = 0;
  }
  const list = new List(open);

  async function changed() {
    const mine = ++asked;
    const rows = await chosen(index, () => mine === asked, (seen, of) => { $("count").textContent = `looked at ${seen} of ${of}`; });
    if (rows === null || mine !== asked) return;
    list.show(rows);
    $("clear").hidden = !isFiltered();
    $("count").textContent = rows.length === index.rows.length ? `${rows.length} episodes` : `${rows.length} of ${index.rows.length} episodes`;
    if (list.at < 0 && rows.length) list.select(0, false);
    if (!rows.length) $("detail").replaceChildren(el("p", { class: "empty" }, index.rows.length ? "No episode is like that." : "There are no episodes."));
    for (const node of $("plots").querySelectorAll(".bar")) {
      node.classList.toggle("chosen", filter[node.dataset.of]?.[0] === Number(node.dataset.from));
    }
  }

  function setOverview(shown) {
    $("overview").hidden = !shown;
    $("overview-button").setAttribute("aria-expanded", String(shown));
  }
  const toggleOverview = () => setOverview($("overview").hidden);

  function toggleTheme() {
    const dark = document.documentElement.dataset.theme
      ? document.documentElement.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset.theme = dark ? "light" : "dark";
  }

  const step = (by) => {
    at = Math.max(1, Math.min(steps.count, at + by));
    steps.jump(at);
  };
  const KEYS = {
    j: () => list.move(1), k: () => list.move(-1), ArrowDown: () => list.move(1), ArrowUp: () => list.move(-1),
    Home: () => list.select(0), End: () => list.select(list.rows.length - 1),
    PageDown: () => list.move(list.page()), PageUp: () => list.move(-list.page()),
    n: () => step(1), p: () => step(-1), o: toggleOverview, d: toggleTheme, "/": () => $("search").focus(),
    "?": () => $("help").showModal(), Escape: () => isFiltered() && clearFilters(changed),
  };
  const LIST_ONLY = ["ArrowDown", "ArrowUp", "Home", "End", "PageDown", "PageUp"];
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
    const inField = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (inField) {
      if (event.target === $("search") && (event.key === "Enter" || event.key === "Escape" || event.key === "ArrowDown")) {
        event.preventDefault();
        if (event.key === "Escape") clearFilters(changed);
        $("list").focus();
      }
      return;
    }
    if (LIST_ONLY.includes(event.key) && !$("list").contains(event.target) && event.target !== document.body) return;
    const act = KEYS[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  $("overview-button").addEventListener("click", toggleOverview);
  $("theme-button").addEventListener("click", toggleTheme);
  $("help-button").addEventListener("click", () => $("help").showModal());
  $("about").textContent = visible(index.about);
  drawCards(index);
  drawPlots(index, changed);
  drawTables(index);
  makeFilters(index, changed);
  const linked = location.hash;
  await changed();
  const found = list.rows.findIndex((row) => linked === `#${encodeURIComponent(row.task)}/${row.attempt}`);
  if (found >= 0) list.select(found, false);
  document.documentElement.dataset.ready = "yes";
}

main().catch((error) => { $("detail").replaceChildren(el("p", { class: "empty" }, `This page could not be shown: ${error}`)); });
