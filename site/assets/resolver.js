// The resolver of taxonomy/resolver.py and taxonomy/answers.py for the browser: the same answers from the exported graph.
// tests/site/test_same_answers.py holds it to them in a real browser.
"use strict";

const Resolver = (() => {
  const { MAKE, searched, shrunk } = MinimalSets;
  const PROOF_WORK = 250000, MAX_DEPTH = 500, RECORDS = 1000;

  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const compareLists = (a, b) => {
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      const order = compare(a[i], b[i]);
      if (order) return order;
    }
    return a.length - b.length;
  };
  const add = (a, b) => a.map((value, i) => value + b[i]);
  class Graph {
    constructor(rules, terms) {
      this.rules = rules;
      this.terms = terms;
      this.neededBy = new Map();
      this.yieldedBy = new Map();
      this.counts = rules.map((rule) => new Set(rule.needs).size);
      rules.forEach((rule, number) => {
        for (const need of new Set(rule.needs)) this.at(this.neededBy, need).push(number);
        this.at(this.yieldedBy, rule.yields).push(number);
      });
    }

    at(map, term) {
      if (!map.has(term)) map.set(term, []);
      return map.get(term);
    }

    // Every derivable term, with the position at which it was reached.
    close(grants) {
      const counts = [...this.counts];
      const order = new Map();
      const queue = [...grants];
      this.rules.forEach((rule, number) => counts[number] === 0 && queue.push(rule.yields));
      for (let i = 0; i < queue.length; i++) {
        const term = queue[i];
        if (order.has(term)) continue;
        order.set(term, order.size);
        for (const number of this.neededBy.get(term) || []) {
          if (--counts[number] === 0 && !order.has(this.rules[number].yields)) queue.push(this.rules[number].yields);
        }
      }
      return order;
    }

    // The cheapest proof of one goal: models, then queries, then rules that weaken, then rules. Branch and bound on the goal's cone.
    derivation(goal, grants, pricing) {
      const granted = new Set(grants);
      const order = this.close(granted);
      if (!order.has(goal)) return null;
      const ways = new Map();
      const options = (term) => {
        if (!ways.has(term)) {
          const found = (this.yieldedBy.get(term) || [])
            .map((number) => this.rules[number])
            .filter((rule) => rule.needs.every((need) => order.has(need)))
            .map((rule) => {
              const price = pricing(rule);
              return [[price[0], price[1] + price[2] * RECORDS, Number(rule.weaker), 1], rule];
            });
          found.sort(
            (a, b) => compareLists(a[0], b[0]) || a[1].needs.length - b[1].needs.length || compare(a[1].id, b[1].id)
          );
          ways.set(term, found);
        }
        return ways.get(term);
      };
      const costOf = (chosen) => {
        let total = [0, 0, 0, 0];
        for (const rule of chosen.values()) {
          const price = pricing(rule);
          total = add(total, [price[0], price[1] + price[2] * RECORDS, Number(rule.weaker), 1]);
        }
        return total;
      };
      const firstProof = () => {
        const chosen = new Map();
        const queue = [goal];
        while (queue.length) {
          const term = queue.pop();
          if (chosen.has(term) || granted.has(term)) continue;
          const at = order.get(term);
          const rule = options(term).find(([, one]) => one.needs.every((need) => order.get(need) < at))[1];
          chosen.set(term, rule);
          queue.push(...rule.needs);
        }
        return chosen;
      };
      const makesCycle = (term, rule, chosen) => {
        const queue = [...rule.needs];
        const seen = new Set();
        while (queue.length) {
          const need = queue.pop();
          if (need === term && !granted.has(need)) return true;
          if (seen.has(need) || granted.has(need)) continue;
          seen.add(need);
          if (chosen.has(need)) queue.push(...chosen.get(need).needs);
        }
        left -= seen.size;
        return false;
      };
      let best = firstProof();
      let bestCost = costOf(best);
      let left = PROOF_WORK;
      let exhaustive = true;
      const search = (chosen, open, spent) => {
        left -= 1 + open.length;
        if (left < 0 || chosen.size > MAX_DEPTH) {
          exhaustive = false;
          return;
        }
        let bound = spent;
        for (const term of open) bound = add(bound, options(term)[0][0]);
        if (compareLists(bound, bestCost) >= 0) return;
        if (!open.length) {
          best = new Map(chosen);
          bestCost = spent;
          return;
        }
        const term = [...open].sort((a, b) => options(a).length - options(b).length || compare(a, b))[0];
        const rest = open.filter((other) => other !== term);
        for (const [cost, rule] of options(term)) {
          if (makesCycle(term, rule, chosen)) continue;
          chosen.set(term, rule);
          const fresh = new Set(rule.needs.filter((n) => !granted.has(n) && !chosen.has(n) && !rest.includes(n)));
          search(chosen, [...rest, ...[...fresh].sort(compare)], add(spent, cost));
          chosen.delete(term);
        }
      };
      search(new Map(), granted.has(goal) ? [] : [goal], [0, 0, 0, 0]);
      const rules = this.topological(best, granted, order);
      const price = rules.map(pricing).reduce(add, [0, 0, 0]);
      return { rules, price, cheapest: exhaustive };
    }

    // Rules so that each stands after those that yield what it needs; ties by reach, then name.
    topological(chosen, granted, order) {
      const done = [];
      const placed = new Set();
      const opened = new Set();
      const later = (a, b) => order.get(b) - order.get(a) || compare(b, a);
      const stack = [...chosen.keys()].sort(later);
      while (stack.length) {
        const term = stack[stack.length - 1];
        if (placed.has(term) || granted.has(term)) {
          stack.pop();
        } else if (opened.has(term)) {
          stack.pop();
          placed.add(term);
          done.push(chosen.get(term));
        } else {
          opened.add(term);
          const needs = chosen.get(term).needs.filter((need) => !placed.has(need) && !granted.has(need));
          stack.push(...needs.sort(later));
        }
      }
      return done;
    }

    // Every inclusion-minimal set of grantable terms that makes the goal derivable (the ATMS of de Kleer 1986), or some of them.
    missing(goal, grants, grantable) {
      const derivable = this.close(grants);
      if (derivable.has(goal)) return { sets: [[]], truncated: false };
      const cone = new Set();
      const open = [goal];
      while (open.length) {
        const term = open.pop();
        if (cone.has(term) || derivable.has(term)) continue;
        cone.add(term);
        for (const number of this.yieldedBy.get(term) || []) open.push(...this.rules[number].needs);
      }
      const terms = [...new Set(grantable)].filter((term) => cone.has(term)).sort(compare);
      const named = (mask) => terms.filter((_, bit) => (mask >> BigInt(bit)) & 1n);
      const rules = [...cone].flatMap((term) => this.yieldedBy.get(term) || []).sort((a, b) => a - b);
      let [found, truncated] = searched((search) => {
        const labels = new Map([...cone].map((term) => [term, []]));
        terms.forEach((term, bit) => labels.set(term, [1n << BigInt(bit)]));
        this.propagate(search, rules, derivable, labels);
        return labels.get(goal);
      });
      if (truncated) {
        const part = new Graph(rules.map((rule) => this.rules[rule]), this.terms);
        const unlocks = (mask) => part.close([...derivable.keys(), ...named(mask)]).has(goal);
        const everything = (1n << BigInt(terms.length)) - 1n;
        if (!unlocks(everything)) return { sets: [], truncated: false };
        found = shrunk(found.length ? found : [everything], MAKE * rules.length, unlocks);
      }
      const sets = found.map(named);
      sets.sort((a, b) => a.length - b.length || compareLists(a, b));
      return { sets, truncated };
    }

    // Minimal environments go through the rules until nothing changes.
    propagate(search, rules, derivable, labels) {
      const needs = new Map(rules.map((r) => [r, [...new Set(this.rules[r].needs)].filter((n) => !derivable.has(n))]));
      const watchers = new Map();
      for (const rule of rules) for (const need of needs.get(rule)) this.at(watchers, need).push(rule);
      const queue = [...rules];
      const queued = new Set(rules);
      for (let i = 0; i < queue.length; i++) {
        const rule = queue[i];
        queued.delete(rule);
        search.spend(1);
        let environments = [0n];
        for (const need of needs.get(rule)) environments = search.unions(environments, labels.get(need));
        const head = this.rules[rule].yields;
        const before = labels.get(head);
        const merged = before.length ? search.minimal([...before, ...environments]) : environments;
        if (merged.length === before.length && merged.every((mask, at) => mask === before[at])) continue;
        labels.set(head, merged);
        for (const watcher of watchers.get(head) || []) {
          if (!queued.has(watcher)) {
            queued.add(watcher);
            queue.push(watcher);
          }
        }
      }
    }
  }

  const FACETS = ["answers", "records", "differentiable"];

  class Atlas {
    constructor(data) {
      this.data = data;
      this.terms = new Map(data.terms.map((term) => [term.id, term]));
      this.graph = new Graph(data.rules, this.terms);
      this.implications = new Graph(data.rules.filter((rule) => rule.kind === "implication"), this.terms);
    }

    applies(term, threat) {
      return (!term.models || term.models.includes(threat.model)) && (!term.frames || term.frames.includes(threat.frame));
    }

    grants(threat) {
      const { answers = [], records = [] } = threat;
      const usual = this.data.usual_answers[threat.model];
      const said = this.facets(threat).filter((id) => this.terms.get(id)?.aspect === "answers" && id !== usual);
      const aspects = [threat.observation, threat.model, threat.frame, ...answers, ...records, ...said];
      return [...new Set([...aspects, ...threat.knows])].sort(compare);
    }

    grantable(threat) {
      const facets = this.facets(threat);
      const fits = (term) => this.applies(term, threat) && (!term.answers || term.answers.some((one) => facets.includes(one)));
      return this.data.terms.filter((term) => term.grantable && fits(term)).map((term) => term.id);
    }

    // What the model answers, what a record is and whether there are gradients: as stated, and read where nothing is.
    facets(threat) {
      const { answers = [], records = [], differentiable = true } = threat;
      const of = (aspect) => this.data.terms.filter((term) => term.aspect === aspect).map((term) => term.id);
      const alone = threat.knows.map((id) => this.terms.get(id).answers).filter((kinds) => kinds && kinds.length === 1);
      const ofText = records.join() === "text" && this.data.usual_answers_of_text[threat.model];
      const usual = ofText || this.data.usual_answers[threat.model];
      const read = alone.length ? alone.map((kinds) => kinds[0]) : usual ? [usual] : [];
      const found = new Set([
        ...(answers.length ? answers : read),
        ...(records.length ? records : of("records")),
        ...(differentiable ? of("differentiable") : []),
      ]);
      const known = (id) => FACETS.includes(this.terms.get(id)?.aspect) && this.applies(this.terms.get(id), threat);
      return [...found].filter((id) => answers.includes(id) || known(id)).sort(compare);
    }

    pricing(attack) {
      return (rule) => (attack.prices && attack.prices[rule.id]) || rule.price;
    }

    answer(attack, threat) {
      const facets = this.facets(threat);
      const stated = [threat.model, threat.frame, ...facets];
      const aspectOf = (id) => this.terms.get(id)?.aspect;
      const kinds = ["model-type", "frame", ...FACETS];
      const other = new Set(attack.needs.filter((need) => kinds.includes(aspectOf(need)) && !stated.includes(need)));
      if (facets.some((id) => aspectOf(id) === "answers"))
        for (const need of attack.needs) {
          const answers = this.terms.get(need).answers;
          if (answers && answers.length && !answers.some((one) => stated.includes(one))) other.add(answers[0]);
        }
      const types = [...other].filter((id) => ["model-type", "frame"].includes(aspectOf(id)));
      const because = (types.length ? types : [...other]).sort(compare);
      if (because.length) return { id: attack.id, kind: "inapplicable", because };
      const goal = "attack:" + attack.id;
      const derivation = this.graph.derivation(goal, this.grants(threat), this.pricing(attack));
      if (derivation) return { id: attack.id, kind: "feasible", ...derivation };
      const missing = this.graph.missing(goal, this.grants(threat), this.grantable(threat));
      const fitted = missing.sets.map((set) => ({ set, fit: this.fit(threat, set) }));
      // The sort is stable: by size and name within those that fit, and within those that do not.
      fitted.sort((a, b) => Number(!a.fit.fits) - Number(!b.fit.fits));
      return {
        id: attack.id,
        kind: "infeasible",
        sets: fitted.map((one) => one.set),
        fits: fitted.map((one) => one.fit),
        truncated: missing.truncated,
      };
    }

    answers(threat) {
      return this.data.attacks.map((attack) => this.answer(attack, threat));
    }

    // How further grants fit a threat model: the observation that they need instead of its own, and what else contradicts.
    fit(threat, set) {
      const inside = set.some((term) => term.split(".")[0] === "M1");
      const observation = inside && threat.observation === "black-box" ? "white-box" : null;
      const knows = [...new Set([...threat.knows, ...set])];
      const contradicts = this.contradictions({ ...threat, observation: observation || threat.observation, knows });
      return { observation, contradicts, fits: observation === null && !contradicts.length };
    }

    // Minimal sets that grant least: one whose closure contains another's is folded away, but none that fits for one that does not.
    least(sets, threat) {
      const closures = sets.map((terms) => new Set(this.graph.close([...this.grants(threat), ...terms]).keys()));
      const fits = sets.map((terms) => this.fit(threat, terms).fits);
      const within = (a, b) => a.size < b.size && [...a].every((term) => b.has(term));
      return sets.filter((_, i) => !closures.some((other, j) => fits[j] >= fits[i] && within(other, closures[i])));
    }

    contradictions(threat) {
      const reasons = [];
      const knows = [...threat.knows].sort(compare);
      const inside = knows.filter((term) => term.split(".")[0] === "M1");
      if (threat.observation === "black-box" && inside.length)
        reasons.push(`black-box with ${inside.join(", ")}, which is what white-box means`);
      if (threat.observation === "white-box" && threat.model === "aggregate")
        reasons.push("white-box on published statistics, which have no inside");
      for (const term of knows)
        if (!this.applies(this.terms.get(term), threat))
          reasons.push(`${term} does not apply to a ${threat.model} model in the ${threat.frame} frame`);
      const kinds = [...(threat.answers || [])].sort(compare);
      for (const term of knows) {
        const needed = this.terms.get(term).answers;
        if (kinds.length && needed && needed.length && !needed.some((one) => kinds.includes(one)))
          reasons.push(`${term}, which a model has that has ${needed.join(" or ")}, with ${kinds.join(", ")}`);
      }
      for (const facet of [...new Set([...kinds, ...(threat.records || [])])].sort(compare))
        if (this.terms.has(facet) && !this.applies(this.terms.get(facet), threat))
          reasons.push(`${facet} does not apply to a ${threat.model} model`);
      const roles = knows.filter((term) => term === "participant" || term === "server");
      const behindSums = knows.includes("secure-aggregation");
      if (knows.includes("active") && !roles.length && !behindSums) reasons.push("active without a role: add participant or server");
      if (roles.includes("server") && behindSums)
        reasons.push("server with secure-aggregation: the one sees every upload, the other none by itself");
      if (knows.includes("M1.updates") && behindSums && !roles.length)
        reasons.push("M1.updates with secure-aggregation: that server sees sums of uploads only");
      if (knows.includes("M1.updates") && roles.length === 1 && roles[0] === "participant")
        reasons.push("M1.updates with participant alone: a participant never sees another's upload");
      return reasons;
    }

    // Minimal sets of grants to withdraw: each cut for which no proper subset removes the same or more attacks.
    harden(threat) {
      const feasible = this.answers(threat).filter((answer) => answer.kind === "feasible");
      const found = new Withdrawals(this, threat, feasible.map((answer) => answer.id));
      const cuts = found.cuts().map((cut) => {
        const removes = found.removed(cut);
        return { withdraw: found.named(cut), removes, remaining: feasible.length - removes.length };
      });
      cuts.sort(
        (a, b) =>
          a.withdraw.length - b.withdraw.length || b.removes.length - a.removes.length || compareLists(a.withdraw, b.withdraw)
      );
      return { cuts, truncated: found.truncated };
    }
  }

  return { Atlas };
})();
