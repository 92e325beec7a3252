// The rules as a graph: closures, cheapest proofs and minimal sets (taxonomy/graph.py, resolver.py and proofs.py), for the browser.
"use strict";

const Graphs = (() => {
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
  // What a price takes of each limit: models, calls to a service for one candidate record, rows. A limit of null is none.
  const used = (price) => [price[0], price[1] + price[2], price[3]];
  const fits = (amounts, ceiling) => amounts.every((amount, i) => ceiling[i] === null || amount <= ceiling[i]);

  class Graph {
    constructor(rules, terms, assumed = {}) {
      this.rules = rules;
      this.terms = terms;
      this.assumed = Object.entries(assumed);
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

    // The grants, and what every adversary has that does not state the other.
    given(grants) {
      const stated = [...grants];
      const usual = this.assumed.filter(([term, unless]) => !stated.includes(unless) && !stated.includes(term));
      return [...stated, ...usual.map(([term]) => term)];
    }

    // Every derivable term, with the position at which it was reached.
    close(grants) {
      const counts = [...this.counts];
      const order = new Map();
      const queue = this.given(grants);
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

    // The cheapest proof of one goal: steps whose models the attack cannot use, models, calls and rows, all that is asked, rules that
    // weaken, rules. Branch and bound on the goal's cone. With a ceiling only proofs within it count, and `first` names a limited
    // amount that counts most. A price is [models, calls, calls a record, rows, asked at home, at home a record, closed].
    derivation(goal, grants, pricing, ceiling = null, first = null) {
      const granted = new Set(this.given(grants));
      const order = this.close([...granted].sort());
      if (!order.has(goal)) return { proof: null, exhaustive: true };
      const costs = new Map();
      const costOfRule = (rule) => {
        if (!costs.has(rule)) {
          const price = pricing(rule);
          const calls = price[1] + price[2] * RECORDS + price[3];
          const cost = [price[6], price[0], calls, calls + price[4] + price[5] * RECORDS, Number(rule.weaker), 1];
          costs.set(rule, first === null ? cost : [used(price)[first], ...cost]);
        }
        return costs.get(rule);
      };
      const nothing = first === null ? [0, 0, 0, 0, 0, 0] : [0, 0, 0, 0, 0, 0, 0];
      const ways = new Map();
      const options = (term) => {
        if (!ways.has(term)) {
          const found = (this.yieldedBy.get(term) || [])
            .map((number) => this.rules[number])
            .filter((rule) => rule.needs.every((need) => order.has(need)))
            .map((rule) => [costOfRule(rule), rule]);
          found.sort(
            (a, b) => compareLists(a[0], b[0]) || a[1].needs.length - b[1].needs.length || compare(a[1].id, b[1].id)
          );
          ways.set(term, found);
        }
        return ways.get(term);
      };
      const floors = new Map();
      const floor = (term) => {
        if (!floors.has(term)) {
          const amounts = options(term).map(([, rule]) => used(pricing(rule)));
          floors.set(term, [0, 1, 2].map((i) => Math.min(...amounts.map((amount) => amount[i]))));
        }
        return floors.get(term);
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
      let best = ceiling ? null : firstProof();
      let bestCost = best && [...best.values()].map(costOfRule).reduce(add, nothing);
      let left = PROOF_WORK;
      let exhaustive = true;
      const search = (chosen, open, spent, taken) => {
        left -= 1 + open.length;
        if (left < 0 || chosen.size > MAX_DEPTH) {
          exhaustive = false;
          return;
        }
        let bound = spent;
        for (const term of open) bound = add(bound, options(term)[0][0]);
        if (bestCost && compareLists(bound, bestCost) >= 0) return;
        if (ceiling && !fits(open.map(floor).reduce(add, taken), ceiling)) return;
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
          const more = ceiling ? add(taken, used(pricing(rule))) : taken;
          search(chosen, [...rest, ...[...fresh].sort(compare)], add(spent, cost), more);
          chosen.delete(term);
        }
      };
      search(new Map(), granted.has(goal) ? [] : [goal], nothing, [0, 0, 0]);
      if (!best) return { proof: null, exhaustive };
      const rules = this.topological(best, granted, order);
      const price = rules.map(pricing).reduce(add, [0, 0, 0, 0, 0, 0]);
      return { proof: { rules, price, cheapest: exhaustive }, exhaustive };
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

    // The terms from which a goal can be reached backwards, without passing terms in `stop`.
    cone(goal, stop = new Map()) {
      const cone = new Set();
      const open = [goal];
      while (open.length) {
        const term = open.pop();
        if (cone.has(term) || stop.has(term)) continue;
        cone.add(term);
        for (const number of this.yieldedBy.get(term) || []) open.push(...this.rules[number].needs);
      }
      return cone;
    }

    // Every inclusion-minimal set of grantable terms that makes the goal derivable (the ATMS of de Kleer 1986), or some of them.
    missing(goal, grants, grantable) {
      const derivable = this.close(grants);
      if (derivable.has(goal)) return { sets: [[]], truncated: false };
      const cone = this.cone(goal, derivable);
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
        const part = new Graph(rules.map((rule) => this.rules[rule]), this.terms, Object.fromEntries(this.assumed));
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

  return { Graph, add, compare, fits, used };
})();
