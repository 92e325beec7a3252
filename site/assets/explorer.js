// The explorer: a form of what an adversary has, and at once what follows. State lives in the URL's fragment, so that it can be
// shared. The answers are those of resolver.js; the data are in explorer-data.js.
"use strict";

(() => {
  const root = document.getElementById("explorer");
  if (!root) return;
  const data = MIA_ATLAS;
  const atlas = new Resolver.Atlas(data);
  const home = root.dataset.home;
  const GROUPS = [
    ["role", "Role in the federation"],
    ["query", "What it can ask (Q)"],
    ["model", "What it knows of the model (M)"],
    ["training-data", "What it knows of the training data (D)"],
    ["candidate", "What it knows of a candidate record"],
  ];
  const FACETS = [
    ["answers", "What the model answers (as its queries say, if nothing is ticked)"],
    ["records", "What a record is (anything, if nothing is ticked)"],
    ["stage", "Where the records went in (anywhere, if nothing is ticked)"],
    ["granularity", "What a candidate is (anything, if nothing is ticked)"],
  ];
  const LISTS = ["knows", ...FACETS.map(([name]) => name)];
  const ASPECTS = [
    ["model", "Model", ["discriminative", "generative", "aggregate"]],
    ["frame", "Frame", ["stand-alone", "federated"]],
    ["observation", "Observation", ["black-box", "white-box"]],
  ];
  const LIMITS = [
    ["queries", "Calls to the service, at most"],
    ["models", "Models to train, at most"],
    ["rows", "Rows of what was published"],
  ];
  const titles = new Map(data.attacks.map((attack) => [attack.id, attack.title]));
  let threat = fromUrl() || { ...known("prediction-api-scores") };

  function known(id) {
    const found = data.threat_models.find((one) => one.id === id) || data.threat_models[0];
    const { model, frame, observation, differentiable, recorded, limits } = found;
    return { model, frame, observation, differentiable, recorded, limits: { ...limits }, ...lists(found) };
  }

  function lists(of) {
    return Object.fromEntries(LISTS.map((name) => [name, [...of[name]]]));
  }

  function fromUrl() {
    const parts = new URLSearchParams(location.hash.slice(1));
    if (!parts.get("model")) return null;
    const valid = (name, choices) => (choices.includes(parts.get(name)) ? parts.get(name) : choices[0]);
    const stated = Object.fromEntries(ASPECTS.map(([name, , choices]) => [name, valid(name, choices)]));
    const knows = (parts.get("knows") || "").split(",").filter((id) => atlas.terms.get(id)?.grantable);
    const facets = (name) => [...new Set((parts.get(name) || "").split(","))].filter((id) => atlas.terms.get(id)?.aspect === name);
    const differentiable = parts.get("differentiable") !== "no";
    const limits = {};
    for (const [name] of LIMITS) if (/^\d{1,15}$/.test(parts.get(name) || "")) limits[name] = Number(parts.get(name));
    const recorded = parts.get("recorded") === "yes";
    const about = Object.fromEntries(FACETS.map(([name]) => [name, facets(name)]));
    return { ...stated, knows: [...new Set(knows)], ...about, differentiable, recorded, limits };
  }

  function toUrl() {
    const parts = new URLSearchParams({ model: threat.model, frame: threat.frame, observation: threat.observation });
    for (const name of LISTS)
      if (threat[name].length) parts.set(name, [...threat[name]].sort().join(","));
    if (!threat.differentiable) parts.set("differentiable", "no");
    if (threat.recorded) parts.set("recorded", "yes");
    for (const [name] of LIMITS) if ((threat.limits[name] ?? null) !== null) parts.set(name, threat.limits[name]);
    history.replaceState(null, "", "#" + parts.toString().replaceAll("%2C", ","));
  }

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  const code = (id) => element("code", {}, id);
  const attackLink = (id) => element("a", { href: `${home}attacks/${id}.html` }, titles.get(id));

  function choice(name, value, checked, type, label, title) {
    const input = element("input", { type, name, value, ...(checked ? { checked: "" } : {}) });
    return element("label", title ? { title } : {}, input, " ", ...label);
  }

  function drawForm() {
    const form = root.querySelector("form");
    const focused = document.activeElement && form.contains(document.activeElement) ? document.activeElement : null;
    const at = focused && [focused.name, focused.value];
    form.replaceChildren();
    const ready = element("select", { id: "ready" }, element("option", { value: "" }, "Choose one to start from …"));
    for (const one of data.threat_models) {
      const same = ["model", "frame", "observation"].every((key) => one[key] === threat[key]);
      const alike = LISTS.every((key) => [...threat[key]].sort().join() === [...one[key]].sort().join());
      const chosen = same && alike && threat.differentiable === one.differentiable && threat.recorded === one.recorded;
      ready.append(element("option", { value: one.id, ...(chosen ? { selected: "" } : {}) }, one.title));
    }
    form.append(element("p", {}, element("label", { for: "ready" }, "Ready threat models"), ready));
    for (const [name, title, choices] of ASPECTS) {
      const set = element("fieldset", {}, element("legend", {}, title));
      for (const value of choices) set.append(choice(name, value, threat[name] === value, "radio", [value]));
      form.append(set);
    }
    for (const [aspect, title] of FACETS) {
      const terms = data.terms.filter((t) => t.aspect === aspect && atlas.applies(t, threat));
      if (terms.length < 2) continue;
      const set = element("fieldset", {}, element("legend", {}, title));
      for (const term of terms)
        set.append(choice(aspect, term.id, threat[aspect].includes(term.id), "checkbox", [term.title], term.definition));
      form.append(set);
    }
    if (threat.model !== "aggregate") {
      const gradients = element("fieldset", {}, element("legend", {}, "Gradients"));
      const label = ["The model has none, as trees have not"];
      gradients.append(choice("differentiable", "no", !threat.differentiable, "checkbox", label));
      form.append(gradients);
    }
    const asking = element("fieldset", {}, element("legend", {}, "Asking"));
    asking.append(choice("recorded", "yes", threat.recorded, "checkbox", ["Answers were recorded: none leads to the next question"]));
    form.append(asking);
    const limits = element("fieldset", {}, element("legend", {}, "Limits (empty: none; a copy at home is free)"));
    for (const [name, title] of LIMITS) {
      const value = threat.limits[name] ?? "";
      limits.append(element("label", {}, title, " ", element("input", { type: "number", min: "0", step: "1", name, value })));
    }
    form.append(limits);
    for (const [aspect, title] of GROUPS) {
      const terms = data.terms.filter((t) => t.aspect === aspect && t.grantable && atlas.applies(t, threat));
      if (!terms.length) continue;
      const set = element("fieldset", {}, element("legend", {}, title));
      for (const term of terms) {
        const label = [term.title, " ", code(term.id)];
        set.append(choice("knows", term.id, threat.knows.includes(term.id), "checkbox", label, term.definition));
      }
      form.append(set);
    }
    if (at) [...form.elements].find((e) => e.name === at[0] && e.value === at[1])?.focus();
  }

  function terms(list) {
    return list.length ? list.flatMap((id, i) => (i ? [" + ", code(id)] : [code(id)])) : ["nothing"];
  }

  const move = (term, left) => (left ? [code(term), " → ", code(left)] : [code(term)]);

  function section(title, count, open, body, note) {
    const head = element("summary", {}, element("h2", {}, `${title} (${count})`));
    return element("details", open ? { open: "" } : {}, head, ...(note ? [element("p", {}, note)] : []), body);
  }

  function cost(answer) {
    const [models, queries, perRecord, rows, home, homePerRecord] = answer.price;
    const parts = [
      models && `${models} model${models > 1 ? "s" : ""} to train`,
      perRecord && `${perRecord.toLocaleString("en")} quer${perRecord > 1 ? "ies" : "y"} a record`,
      queries && `${queries.toLocaleString("en")} other queries`,
      rows && `${rows.toLocaleString("en")} published rows`,
      (home || homePerRecord) && "queries at home",
      ...answer.reduced.map(([rule, parameter, wanted, used]) => `only ${used} of ${wanted} (${rule}.${parameter})`),
    ].filter(Boolean);
    return parts.length ? parts.join(", ") : "no model, no query";
  }

  function drawAnswers() {
    const out = root.querySelector(".answers");
    const summary = root.querySelector("[role=status]");
    out.replaceChildren();
    const reasons = atlas.contradictions(threat);
    if (reasons.length) {
      summary.textContent = "No adversary can be like this: " + reasons.join("; ") + ".";
      return;
    }
    const answers = atlas.answers(threat);
    const of = (kind) => answers.filter((answer) => answer.kind === kind);
    const [feasible, infeasible, other] = [of("feasible"), of("infeasible"), of("inapplicable")];
    summary.textContent =
      `${feasible.length} attacks are feasible, ${infeasible.length} lack something, ` +
      `${other.length} attack another kind of model or another frame.`;

    const yes = element("ul", { class: "plain" });
    for (const answer of feasible) {
      const rules = answer.rules.map((rule) =>
        element("li", {}, ...terms(rule.needs), " → ", code(rule.yields.replace("attack:", "")), element("br"), rule.because)
      );
      yes.append(
        element(
          "li",
          {},
          attackLink(answer.id),
          element("details", {}, element("summary", {}, `why: ${cost(answer)}`), element("ol", {}, ...rules))
        )
      );
    }
    out.append(section("Feasible", feasible.length, true, yes));

    const no = element("ul", { class: "plain" });
    for (const answer of infeasible) {
      const least = atlas.least(answer.sets, threat);
      const ways = least.map((set) => {
        const fit = atlas.fit(threat, set);
        const reasons = fit.contradicts.map((reason) => `contradicts itself: ${reason}`);
        const remark = [fit.observation && `needs ${fit.observation} observation`, ...reasons].filter(Boolean).join("; ");
        const button = element("button", { type: "button", "data-grant": set.join(",") }, "add");
        return element("li", {}, ...terms(set), remark ? ` (${remark}) ` : " ", button);
      });
      if (answer.truncated) ways.push(element("li", {}, "The search was cut short: there may be more."));
      const detail = element("details", {}, element("summary", {}, `what is missing (${least.length})`), element("ul", {}, ...ways));
      const words = (way) => Object.entries(way).map(([name, n]) => `${n.toLocaleString("en")} ${name}`).join(" and ");
      const over = answer.wouldDo.length ? ` (does not fit the limits; ${answer.wouldDo.map(words).join(" or ")} would do)` : "";
      const nothing = answer.beyond.length ? " (nothing within the limits)" : " (nothing more would do)";
      no.append(element("li", {}, attackLink(answer.id), over, ways.length ? detail : over ? "" : nothing));
    }
    out.append(section("Not feasible", infeasible.length, false, no));

    const { cuts, truncated } = atlas.harden(threat);
    const rows = cuts.slice(0, 40).map((cut) =>
      element(
        "tr",
        {},
        element("td", {}, ...cut.moves.flatMap(([term, left], i) => [...(i ? [" and "] : []), ...move(term, left)])),
        element("td", {}, cut.byOwner ? "owner" : "not the owner alone"),
        element("td", {}, String(cut.removes.length)),
        element("td", {}, String(cut.remaining))
      )
    );
    const table = element(
      "div",
      { class: "wide", tabindex: "0", role: "region", "aria-label": "What to take away" },
      element(
        "table",
        {},
        element("thead", {}, element("tr", {}, ...["take away, or replace →", "in whose hand", "stops", "remain"].map((t) => element("th", { scope: "col" }, t)))),
        element("tbody", {}, ...rows)
      )
    );
    const note = [
      "Each line is a smallest set of what the adversary has, to take away or to replace by something poorer: nothing less stops as many attacks.",
      "What is ticked is taken away, and what follows from it goes with it. What the owner can do comes first, cheapest for users first.",
      cuts.length > 40 && "The first 40 are shown.",
      truncated && "The search was cut short: there may be more.",
    ];
    out.append(section("What to take away", cuts.length, false, table, note.filter(Boolean).join(" ")));

    const apart = element("ul", { class: "plain" });
    for (const answer of other) apart.append(element("li", {}, attackLink(answer.id), " (", answer.because.join(", "), ")"));
    out.append(section("What does not apply to such a model", other.length, false, apart));
  }

  function change(next) {
    threat = next;
    for (const name of LISTS)
      threat[name] = threat[name].filter((id) => atlas.applies(atlas.terms.get(id), threat));
    toUrl();
    drawForm();
    drawAnswers();
  }

  root.addEventListener("change", (event) => {
    const { name, value, id } = event.target;
    if (id === "ready") {
      if (value) change(known(value));
    } else if (LISTS.includes(name)) {
      const rest = threat[name].filter((term) => term !== value);
      change({ ...threat, [name]: event.target.checked ? [...rest, value] : rest });
    } else if (name === "differentiable") {
      change({ ...threat, differentiable: !event.target.checked });
    } else if (name === "recorded") {
      change({ ...threat, recorded: event.target.checked });
    } else if (LIMITS.some(([limit]) => limit === name)) {
      const limits = { ...threat.limits };
      delete limits[name];
      if (/^\d{1,15}$/.test(value)) limits[name] = Number(value);
      change({ ...threat, limits });
    } else if (name in threat) {
      change({ ...threat, [name]: value });
    }
  });
  root.addEventListener("click", (event) => {
    const granted = event.target.dataset.grant;
    if (granted === undefined) return;
    const set = granted.split(",");
    const observation = atlas.fit(threat, set).observation || threat.observation;
    change({ ...threat, observation, knows: [...new Set([...threat.knows, ...set])] });
    root.querySelector("[role=status]").focus();
  });
  root.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", () => change(fromUrl() || threat));
  root.hidden = false;
  drawForm();
  drawAnswers();
})();
