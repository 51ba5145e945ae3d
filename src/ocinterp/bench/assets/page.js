// Filters the overview, and makes a dialogue readable when somebody opens its verdict. Everything that a model, a program
// or a person said goes through text nodes: nothing here reads text as markup.
"use strict";
(() => {
  const byId = (name) => document.getElementById(name);
  const table = byId("overview");
  const rows = [...table.tBodies[0].rows];
  const heads = [...table.tHead.rows[0].cells];
  const KEPT_AROUND = 3; // lines of a program that are shown beside a change
  let kept = null;
  let opened = null;

  function data() {
    kept ??= JSON.parse(byId("dialogues").textContent);
    return kept;
  }

  function make(name, kind, ...children) {
    const node = document.createElement(name);
    if (kind) node.className = kind;
    node.append(...children.filter((each) => each !== null && each !== undefined));
    return node;
  }

  function fold(title, open, ...children) {
    const node = make("details", "", make("summary", "", title), ...children);
    node.open = open;
    return node;
  }

  function text(number) {
    return make("pre", "", data().texts[number]);
  }

  function verdict(status, tests) {
    const good = status === "pass";
    return make("span", good ? "verdict good" : "verdict bad", `${good ? "✓" : "✗"} ${tests}: ${status}`);
  }

  function* changes(before, after, edits) {
    let old = 0;
    let now = 0;
    for (let at = 0; at < edits.length; at += 2) {
      const [kind, length] = [edits[at], edits[at + 1]];
      for (let line = 0; line < length; line += 1) {
        if (kind === 0) yield [0, after[now], line, length - line - 1, at === 0, at + 2 >= edits.length];
        else yield [kind, kind < 0 ? before[old + line] : after[now + line]];
        if (kind === 0) now += 1;
      }
      if (kind <= 0) old += length;
      if (kind > 0) now += length;
    }
  }

  const linesOf = (words) => (words ? words.split("\n") : []);

  function difference(before, after, edits) {
    const lines = make("pre", "difference");
    let skipped = 0;
    const flush = () => {
      if (skipped) lines.append(make("span", "skipped", `… ${skipped} lines as before\n`));
      skipped = 0;
    };
    for (const [kind, line, since, left, first, last] of changes(before, after, edits)) {
      const near = kind !== 0 || (!first && since < KEPT_AROUND) || (!last && left < KEPT_AROUND);
      if (!near) {
        skipped += 1;
        continue;
      }
      flush();
      const name = kind < 0 ? "del" : kind > 0 ? "ins" : "span";
      lines.append(make(name, "", `${kind < 0 ? "−" : kind > 0 ? "+" : " "} ${line}\n`));
    }
    flush();
    return lines;
  }

  function* programs(turn, before) {
    if (turn.program === undefined) return;
    const { texts } = data();
    if (before !== undefined && turn.edits) {
      const changed = turn.edits.some((each, at) => at % 2 === 0 && each !== 0);
      if (changed) {
        const lines = difference(linesOf(texts[before]), linesOf(texts[turn.program]), turn.edits);
        yield fold("What changed in the program", true, lines);
      } else yield make("p", "remark", "The program is the one before.");
    }
    if (texts[turn.program]) yield fold("The program that was judged", false, text(turn.program));
    else yield make("p", "remark", "No program in it: what is judged is empty.");
  }

  function* parts(turn, number, before) {
    if (turn.answer !== undefined) {
      const cut = turn.cut ? " (cut off)" : "";
      yield fold(`Answer${cut}`, number === 0 || turn.program === undefined, text(turn.answer));
    }
    yield* programs(turn, before);
    for (const [at, [language, ending, output]] of (turn.runs ?? []).entries()) {
      const which = turn.runs.length > 1 ? ` ${at + 1} of ${turn.runs.length}` : "";
      const title = `Output of cell${which}, ${language}: ${ending}`;
      const empty = data().texts[output] === "(no output)";
      yield empty ? make("p", "remark", `${title}, nothing printed`) : fold(title, true, text(output));
    }
    for (const [source, rating, words] of turn.said ?? []) {
      const box = fold(`Feedback, source ${source}${rating ? `, rated ${rating}` : ""}`, true, text(words));
      box.classList.add("said");
      yield box;
    }
  }

  function turnOf(turn, number, before) {
    const verdicts = (turn.verdict ?? []).map(([tests, status]) => verdict(status, tests));
    const tokens = turn.tokens ? make("span", "remark", `${turn.tokens[0]} + ${turn.tokens[1]} tokens`) : null;
    const head = make("h4", "", `Turn ${number + 1} `, ...verdicts, tokens);
    return make("article", "turn", head, ...parts(turn, number, before));
  }

  function* attemptOf(attempt, many) {
    const choice = attempt.chosen ? ", the first that the visible tests accept" : "";
    if (many) yield make("h4", "sample", `Sample ${attempt.sample + 1}${choice}`);
    if (attempt.crash !== undefined) {
      yield make("p", "grave", "No verdict: the sandbox failed. ", data().texts[attempt.crash]);
      return;
    }
    if (attempt.prompt) {
      const said = attempt.prompt.flatMap(([role, words]) => [make("p", "remark", role), text(words)]);
      yield fold("What the model was given", false, ...said);
    }
    let before;
    for (const [number, turn] of (attempt.turns ?? []).entries()) {
      yield turnOf(turn, number, before);
      before = turn.program;
    }
    if (attempt.unsaid) yield make("p", "grave", "It ended without an answer: ", attempt.unsaid);
    if (attempt.leaks) yield make("p", "grave", `The critic quoted ${attempt.leaks} runs of the solution's tokens.`);
    if (attempt.critic) yield make("p", "remark", `The critic's tokens: ${attempt.critic[0]} + ${attempt.critic[1]}.`);
    if (attempt.stop) yield make("p", "remark", `Ended: ${attempt.stop}.`);
  }

  function close() {
    if (!opened) return;
    opened.panel.remove();
    opened.button.setAttribute("aria-expanded", "false");
    opened = null;
  }

  function open(button) {
    const same = opened && opened.button === button;
    close();
    if (same) return;
    const line = button.closest("tr");
    const column = button.closest("td").cellIndex - 1;
    const [task, cells] = data().tasks[rows.indexOf(line)];
    const attempts = cells[column];
    const shut = make("button", "shut", "Close");
    shut.type = "button";
    const head = make("h3", "", `${task} · ${data().columns[column]} `, shut);
    const inner = make("td", "", make("div", "panel", head, ...attempts.flatMap((each) => [...attemptOf(each, attempts.length > 1)])));
    inner.colSpan = heads.length;
    const panel = make("tr", "opened", inner);
    panel.id = "dialogue";
    line.after(panel);
    button.setAttribute("aria-expanded", "true");
    button.setAttribute("aria-controls", "dialogue");
    opened = { button, panel };
    shut.addEventListener("click", () => {
      close();
      button.focus();
    });
    history.replaceState(null, "", `#${new URLSearchParams({ task, in: data().columns[column] })}`);
  }

  function filter() {
    const [task, mark, column] = [byId("task").value.trim().toLowerCase(), byId("status").value, byId("in").value];
    close();
    let shown = 0;
    const only = column === "" ? -1 : Number(column) + 1;
    const hides = (cell) => only >= 0 && cell.cellIndex > 0 && cell.cellIndex !== only;
    for (const cell of heads) cell.hidden = hides(cell);
    for (const line of rows) {
      const cells = [...line.cells].slice(1);
      for (const cell of cells) cell.hidden = hides(cell);
      const counted = cells.filter((cell) => !cell.hidden);
      const has = (cell) => cell.dataset.marks.split(" ").includes(mark);
      const right = mark === "" || (mark === "differs" ? line.classList.contains("differs") : counted.some(has));
      line.hidden = !right || !line.cells[0].textContent.toLowerCase().includes(task);
      shown += line.hidden ? 0 : 1;
    }
    byId("count").textContent = shown === rows.length ? `${shown} tasks` : `${shown} of ${rows.length} tasks`;
  }

  function neighbour(button, key) {
    const cell = button.closest("td");
    if (key === "ArrowLeft" || key === "ArrowRight") {
      const next = key === "ArrowLeft" ? cell.previousElementSibling : cell.nextElementSibling;
      return next && next.querySelector("button");
    }
    const visible = rows.filter((each) => !each.hidden);
    const next = visible[visible.indexOf(cell.parentElement) + (key === "ArrowUp" ? -1 : 1)];
    return next && next.cells[cell.cellIndex].querySelector("button");
  }

  function follow() {
    const wanted = new URLSearchParams(location.hash.slice(1));
    if (!wanted.has("task")) return;
    const line = data().tasks.findIndex(([task]) => task === wanted.get("task"));
    const column = Math.max(0, data().columns.indexOf(wanted.get("in")));
    const button = line < 0 ? null : rows[line].cells[column + 1].querySelector("button");
    if (!button || (opened && opened.button === button)) return;
    open(button);
    rows[line].scrollIntoView();
  }

  table.addEventListener("click", (event) => {
    const button = event.target.closest("td[data-marks] button");
    if (button) open(button);
  });
  table.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && opened) {
      const { button } = opened;
      close();
      button.focus();
    }
    const button = event.target.closest("td[data-marks] button");
    const next = button && event.key.startsWith("Arrow") && neighbour(button, event.key);
    if (next) {
      event.preventDefault();
      next.focus();
    }
  });
  const form = byId("filters");
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", follow);
  follow();
})();
