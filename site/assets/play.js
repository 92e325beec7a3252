// The reader guesses who was trained on, meets three attacks on the same records, and moves the threshold of each. The records and
// scores are measured; the build exports them as MIA_PLAY.
"use strict";

(() => {
  const root = document.getElementById("play");
  if (!root || typeof MIA_PLAY === "undefined") return;
  const { attacks, records, order, round } = MIA_PLAY;
  const isMember = records.map((record) => record[2] === 1);
  const members = isMember.filter(Boolean).length;
  const others = records.length - members;
  const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;
  const place = (selector) => root.querySelector(selector);

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  function drawing(name, attributes = {}, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  function digit(record) {
    const side = Math.sqrt(record[0].length);
    const label = `A handwritten ${record[1]}`;
    const made = drawing("svg", { class: "pixels", viewBox: `0 0 ${side} ${side}`, role: "img", "aria-label": label });
    made.append(drawing("rect", { class: "paper", width: side, height: side }));
    [...record[0]].forEach((grey, i) => {
      const darkness = parseInt(grey, 36) / 16;
      const at = { x: i % side, y: Math.floor(i / side), width: 1, height: 1, "fill-opacity": darkness };
      if (darkness) made.append(drawing("rect", at));
    });
    return made;
  }

  // -- the game -----------------------------------------------------------------------------------------------------------------

  // An attack calls that half of all records members which it scores highest.
  const halves = attacks.map((attack) => [...attack.scores].sort((a, b) => b - a)[Math.floor(records.length / 2)]);
  const calls = (attack, record) => attacks[attack].scores[record] > halves[attack];
  let begun = 0;
  let guesses = [];

  function ask() {
    const record = records[order[(begun + guesses.length) % order.length]];
    const answer = [...record[3]].sort((a, b) => b[1] - a[1]).slice(0, 3);
    const rows = answer.map(([shown, share]) =>
      element(
        "li",
        {},
        `${shown}: ${percent(share, 2)}`,
        element("span", { class: "share", style: `width:${(100 * share).toFixed(1)}%`, "aria-hidden": "true" }),
      ),
    );
    const button = (text, guess) => {
      const made = element("button", { type: "button", class: "md-button" }, text);
      made.addEventListener("click", () => guessed(guess));
      return made;
    };
    place(".turn").replaceChildren(
      digit(record),
      element(
        "div",
        {},
        element("p", {}, `Digit ${guesses.length + 1} of ${round}: a ${record[1]}. The network answers:`),
        element("ul", { class: "answer" }, ...rows),
        element("p", { class: "choice" }, button("It was trained on it", true), " ", button("It never saw it", false)),
      ),
    );
  }

  function guessed(guess) {
    guesses.push(guess);
    if (guesses.length < round) {
      place("[role=status]").textContent = `Guess ${guesses.length} noted.`;
      ask();
      place(`.choice button:nth-of-type(${guess ? 1 : 2})`).focus();
    } else {
      tell();
    }
  }

  function tell() {
    const asked = guesses.map((_, i) => order[(begun + i) % order.length]);
    const verdicts = [["You", (i) => guesses[i]], ...attacks.map(({ title }, a) => [title, (i) => calls(a, asked[i])])];
    const right = verdicts.map(([, says]) => asked.filter((record, i) => says(i) === isMember[record]).length);
    const head = ["digit", "in truth", ...verdicts.map(([name]) => name)].map((text) => element("th", { scope: "col" }, text));
    const rows = asked.map((record, i) => {
      const cells = verdicts.map(([name, says]) => {
        const text = `${says(i) ? "member" : "not"}, ${says(i) === isMember[record] ? "right" : "wrong"}`;
        return element("td", { "data-label": name }, text);
      });
      const truth = element("td", { "data-label": "in truth" }, isMember[record] ? "member" : "not");
      return element("tr", {}, element("th", { scope: "row" }, digit(records[record])), truth, ...cells);
    });
    const sums = right.map((count, i) => element("td", { "data-label": verdicts[i][0] }, `${count} of ${round} right`));
    rows.push(element("tr", {}, element("th", { scope: "row" }, "together"), element("td"), ...sums));
    const everywhere = attacks.map(({ title }, a) => {
      const hits = records.filter((_, record) => calls(a, record) === isMember[record]).length;
      return `${title} is right on ${percent(hits / records.length)}`;
    });
    const again = element("button", { type: "button", class: "md-button" }, `Ten other digits`);
    again.addEventListener("click", () => {
      begun = (begun + round) % order.length;
      guesses = [];
      place(".told").replaceChildren();
      place("[role=status]").textContent = "";
      ask();
      place(".choice button").focus();
    });
    place(".turn").replaceChildren();
    place("[role=status]").textContent = `You were right on ${right[0]} of ${round}. A coin gets seven or more right one time in six.`;
    place(".told").replaceChildren(
      element(
        "div",
        { class: "wide", tabindex: "0", role: "region", "aria-label": "Your guesses and the attacks'" },
        element("table", { class: "figures stacked" }, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows)),
      ),
      element("p", {}, `Each attack calls the half with the higher scores members. Of all ${records.length} digits ${everywhere.join(", ")}.`),
      element("p", {}, again),
    );
    place("[role=status]").focus();
  }

  // -- the threshold ------------------------------------------------------------------------------------------------------------

  const form = place("form");
  // Priors from one in a thousand to a half, evenly on a log scale.
  const prior = () => 0.001 * 500 ** (form.prior.value / 100);
  // The threshold accuses so many of all records: each step is another record.
  const accused = () => Number(form.accused.value);

  function rates(attack) {
    const ordered = attack.scores.map((_, i) => i).sort((a, b) => attack.scores[b] - attack.scores[a]);
    const above = ordered.slice(0, accused());
    const found = above.filter((i) => isMember[i]).length;
    const line = above.length ? attack.scores[above.at(-1)] : attack.scores[ordered[0]];
    return { found, wrong: above.length - found, line };
  }

  function histogram(attack, line) {
    const bins = attack.edges.length - 1;
    const [low, high] = [attack.edges[0], attack.edges[bins]];
    const bin = (score) => Math.min(bins - 1, Math.max(0, Math.floor(((score - low) / (high - low)) * bins)));
    const counts = [new Array(bins).fill(0), new Array(bins).fill(0)];
    attack.scores.forEach((score, i) => (counts[isMember[i] ? 0 : 1][bin(score)] += 1));
    const most = Math.max(...counts.flat());
    const [width, half] = [600, 100];
    const made = drawing("svg", { class: "picture histogram", viewBox: `0 0 ${width} ${2 * half + 46}`, role: "img" });
    made.setAttribute("aria-label", `Scores of ${attack.title}: members upwards, others downwards, a line at the threshold`);
    const hatch = drawing("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
    hatch.append(drawing("path", { d: "M0 0V6", class: "hatch" }));
    made.append(drawing("defs", {}, hatch));
    const text = (x, y, words, anchor) => drawing("text", { x, y, "text-anchor": anchor }, words);
    for (let i = 0; i < bins; i += 1) {
      const [x, wide] = [(i * width) / bins + 1, width / bins - 2];
      const [up, down] = [(counts[0][i] / most) * half, (counts[1][i] / most) * half];
      made.append(drawing("rect", { class: "members", x, y: 14 + half - up, width: wide, height: up }));
      made.append(drawing("rect", { class: "others", x, y: 14 + half, width: wide, height: down }));
    }
    const at = Math.min(width - 1, Math.max(1, ((line - low) / (high - low)) * width));
    made.append(drawing("path", { class: "line", d: `M${at} 4V${2 * half + 24}` }));
    made.append(text(2, 12, "members", "start"), text(2, 2 * half + 24, "others", "start"));
    made.append(text(at < width / 2 ? at + 6 : at - 6, 12, "accused: right of this line", at < width / 2 ? "start" : "end"));
    made.append(text(width / 2, 2 * half + 42, `${attack.axis}; what lies beyond stands in the outer bars`, "middle"));
    return made;
  }

  function draw() {
    const attack = attacks[Number(form.attack.value)];
    const { found, wrong, line } = rates(attack);
    const [tpr, fpr, share] = [found / members, wrong / others, prior()];
    const certain = wrong > 0 || found === 0;
    const precision = (share * tpr) / (share * tpr + (1 - share) * fpr);
    const percentOf = share < 0.01 ? percent(share, 2) : percent(share);
    form.accused.setAttribute("aria-valuetext", `TPR ${percent(tpr)}, FPR ${percent(fpr)}`);
    form.prior.setAttribute("aria-valuetext", percentOf);
    form.querySelector("label span").textContent = percentOf;
    place(".drawn").replaceChildren(histogram(attack, line));
    const row = (name, value, words) => element("tr", {}, element("th", { scope: "row" }, name), element("td", { class: "n" }, value), element("td", {}, words));
    const of = wrong ? "" : ", which is too few to tell the rate";
    const told = !found && !wrong ? "nobody is accused" : certain ? `of the accused, if ${percentOf} of all records are members` : "cannot be told: no other of so few is accused";
    place(".says").replaceChildren(
      element(
        "table",
        { class: "figures" },
        element(
          "tbody",
          {},
          row("TPR", percent(tpr), `${found} of ${members} members are found`),
          row("FPR", percent(fpr), `${wrong} of ${others} others are accused${of}`),
          row("precision", found + wrong && certain ? percent(precision) : "–", told),
        ),
      ),
    );
  }

  const choices = attacks.map(({ title }, i) =>
    element("label", {}, element("input", { type: "radio", name: "attack", value: i, ...(i === 1 ? { checked: "" } : {}) }), ` ${title}`),
  );
  form.append(
    element("fieldset", {}, element("legend", {}, "attack"), ...choices),
    element("label", {}, "how many are accused ", element("input", { type: "range", name: "accused", min: 0, max: records.length, value: Math.round(records.length / 10) })),
    element("label", {}, "prior: the share of members among all records, ", element("span"), element("input", { type: "range", name: "prior", min: 0, max: 100, value: 100 })),
  );
  form.addEventListener("input", draw);
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("first-ten").hidden = true;
  root.hidden = false;
  ask();
  draw();
})();
