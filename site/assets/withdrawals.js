// taxonomy/withdrawals.py for the browser: minimal sets of stated grants, each withdrawn or replaced by a poorer one. A cut is a bit
// mask over the grants that can only be withdrawn; what is left of those that can be replaced is a choice.
"use strict";

const Withdrawals = (() => {
  const { MAKE, OutOfWork, Search, bits, bySize, count, hittingSets, shrunk } = MinimalSets;
  const MAX_CUTS = 5000, DESCRIPTION = 0, POORER = 1, FILE = 3, SERVICE = 4;
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const compareLists = (a, b) => {
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      const order = Array.isArray(a[i]) ? compareLists(a[i], b[i]) : compare(a[i], b[i]);
      if (order) return order;
    }
    return a.length - b.length;
  };

  // How many kinds of answers a term gives, itself among them.
  const worth = (atlas, term) => [...atlas.graph.close([term]).keys()].filter((name) => atlas.isQuery(name)).length;

  // What each stated grant can be replaced by, by one defense or several after another, richest first.
  function poorer(atlas, threat) {
    const steps = new Map(), fitting = new Set(atlas.grantable(threat));
    for (const defense of atlas.data.defenses)
      for (const [term, left] of Object.entries(defense.replaces))
        if (fitting.has(left)) steps.set(term, new Set([...(steps.get(term) || []), left]));
    const found = new Map();
    for (const term of [...threat.knows].sort(compare).filter((name) => steps.has(name))) {
      const levels = new Set(), queue = [term];
      while (queue.length)
        for (const left of steps.get(queue.pop()) || [])
          if (left !== term && !levels.has(left)) {
            levels.add(left);
            queue.push(left);
          }
      found.set(term, [...levels].sort((a, b) => worth(atlas, b) - worth(atlas, a) || compare(a, b)));
    }
    return found;
  }

  // What users lose by a move: what kind of thing, and how many kinds of answers.
  function loss(atlas, threat, [term, left]) {
    if (left !== null) return [POORER, worth(atlas, term) - worth(atlas, left)];
    const aspect = atlas.terms.get(term).aspect;
    if (aspect === "query") return [SERVICE, worth(atlas, term)];
    if (aspect === "role") return [term === "active" ? POORER : SERVICE, 0];
    const runs = ["M2", "M2.architecture"].includes(term) && threat.knows.some((name) => name.startsWith("M1."));
    return [term.split(".")[0] === "M1" || runs ? FILE : DESCRIPTION, 0];
  }

  const does = (defense, [term, left]) => (left === null ? defense.withdraws.includes(term) : defense.replaces[term] === left);

  function harden(atlas, threat, attacks) {
    const levels = poorer(atlas, threat);
    const atoms = [...new Set([...threat.knows, ...[...levels.values()].flat()])].sort(compare);
    const base = new Environments(atlas, threat, attacks, atoms);
    const plain = [...threat.knows].sort(compare).filter((name) => !levels.has(name));
    let choices = [[]];
    for (const [term, left] of levels) choices = choices.flatMap((done) => [term, ...left, null].map((level) => [...done, level]));
    const key = (choice) => JSON.stringify(choice);
    const parts = new Map(choices.map((choice) => [key(choice), new Part(base, plain, choice.filter((name) => name !== null))]));
    // The choices that leave more in one place, and otherwise the same.
    const richer = (choice) =>
      [...levels].flatMap(([term, left], at) =>
        choice[at] === term
          ? []
          : [term, ...left]
              .filter((level) => level !== choice[at])
              .filter((level) => choice[at] === null || level === term || atlas.graph.close([level]).has(choice[at]))
              .map((level) => choice.map((name, i) => (i === at ? level : name)))
      );
    let truncated = base.inPart.length > 0;
    const cuts = [];
    for (const choice of choices) {
      const part = parts.get(key(choice));
      const found = part.cuts();
      truncated = truncated || part.truncated;
      for (const cut of [0n, ...found]) {
        const removes = part.removed(cut);
        const idle = (other) => {
          const gone = new Set(parts.get(key(other)).removed(cut));
          return removes.every((id) => gone.has(id));
        };
        if (!removes.length || richer(choice).some(idle)) continue;
        const moves = [...levels.keys()].map((term, at) => [term, choice[at]]).filter(([term, left]) => left !== term);
        moves.push(...part.named(cut).map((name) => [name, null]));
        if (!moves.length) continue;
        moves.sort((a, b) => compare(a[0], b[0]));
        const costs = moves.map((move) => loss(atlas, threat, move));
        cuts.push({
          moves,
          removes,
          remaining: attacks.length - removes.length,
          defenses: atlas.data.defenses.filter((d) => moves.every((move) => does(d, move))).map((d) => d.id).sort(compare),
          byOwner: moves.every(([term]) => atlas.terms.get(term).holder === "owner"),
          cost: costs.reduce((a, b) => [a[0] + b[0], a[1] + b[1]], [0, 0]),
        });
      }
    }
    const order = (cut) => [
      Number(!cut.byOwner), ...(cut.byOwner ? cut.cost : [0, 0]), cut.moves.length, -cut.removes.length,
      cut.moves.map(([term, left]) => [term, left || ""]),
    ];
    cuts.sort((a, b) => compareLists(order(a), order(b)));
    return { cuts, truncated };
  }

  // The minimal sets of atoms (stated grants, and what could be left in their place) on which each attack stands.
  class Environments {
    constructor(atlas, threat, attacks, atoms) {
      this.atlas = atlas;
      this.threat = threat;
      this.of = new Map();
      this.inPart = [];
      this.attacks = new Map([...attacks].sort((a, b) => compare(a.id, b.id)).map((attack) => [attack.id, attack]));
      for (const [id, attack] of this.attacks) {
        const supports = atlas.missing(attack, threat, atlas.aspects(threat), atoms);
        this.of.set(id, supports.sets);
        if (supports.truncated) this.inPart.push(id);
      }
    }

    // Whether an attack is feasible with these grants, by the rules themselves.
    stands(id, grants) {
      return this.atlas.stands(this.attacks.get(id), this.atlas.withGrants(this.threat, grants)) !== false;
    }
  }

  // What falls if grants are withdrawn, while others are left.
  class Part {
    constructor(base, terms, left) {
      this.base = base;
      this.graph = base.atlas.graph;
      this.terms = terms;
      this.left = left;
      this.inPart = base.inPart;
      this.truncated = false;
      const bit = new Map(terms.map((name, i) => [name, 1n << BigInt(i)]));
      const stays = new Set(left);
      const have = new Set([...terms, ...left]);
      this.environments = new Map();
      for (const [id, supports] of base.of) {
        const masks = supports
          .filter((support) => support.every((name) => have.has(name)))
          // A grant that is left in another's place too is there whether it is withdrawn or not.
          .map((support) => support.reduce((mask, name) => mask | (stays.has(name) ? 0n : bit.get(name)), 0n));
        const kept = [];
        for (const mask of bySize(masks)) if (!kept.some((other) => (other & mask) === other)) kept.push(mask);
        this.environments.set(id, kept);
      }
      const number = new Map();
      this.hitBy = new Map([...bit.values()].map((one) => [one, 0n]));
      this.allOf = new Map();
      for (const [id, environments] of this.environments) {
        if (this.inPart.includes(id)) continue;
        let all = 0n;
        for (const environment of environments) {
          if (!number.has(environment)) number.set(environment, 1n << BigInt(number.size));
          all |= number.get(environment);
        }
        this.allOf.set(id, all);
      }
      for (const [environment, at] of number)
        for (const member of bits(environment)) this.hitBy.set(member, this.hitBy.get(member) | at);
    }

    named(cut) {
      return this.terms.filter((_, i) => (cut >> BigInt(i)) & 1n);
    }

    hit(cut) {
      let result = 0n;
      for (const member of bits(cut)) result |= this.hitBy.get(member);
      return result;
    }

    // Whether any of some attacks is feasible without the terms of a cut, by the rules themselves.
    stand(ids, cut) {
      const rest = [...this.left, ...this.terms.filter((_, i) => !((cut >> BigInt(i)) & 1n))];
      return ids.some((id) => this.base.stands(id, rest));
    }

    removed(cut) {
      const hit = this.hit(cut);
      const gone = [...this.allOf].filter(([, needed]) => (needed & hit) === needed).map(([id]) => id);
      return [...gone, ...this.inPart.filter((id) => !this.stand([id], cut))].sort(compare);
    }

    isMinimal(cut, removed) {
      const needed = removed.reduce((mask, id) => mask | (this.allOf.get(id) ?? 0n), 0n);
      const inPart = removed.filter((id) => this.inPart.includes(id));
      return [...bits(cut)].every(
        (member) => needed & ~this.hit(cut & ~member) || (inPart.length && this.stand(inPart, cut & ~member))
      );
    }

    // The minimal cuts that make one attack infeasible.
    ofOne(id) {
      const [cuts, truncated] = hittingSets(this.environments.get(id));
      this.truncated = this.truncated || truncated;
      if (!this.inPart.includes(id)) return cuts;
      return bySize((cuts.length ? cuts : [0n]).flatMap((cut) => this.grown([id], cut)));
    }

    // A minimal cut that makes all of some attacks infeasible, near a cut that hits the environments that are known.
    grown(ids, cut) {
      const price = MAKE * this.graph.rules.length;
      const every = (1n << BigInt(this.terms.length)) - 1n;
      const rest = shrunk([every & ~cut], price, (mask) => !this.stand(ids, cut | mask));
      return shrunk(rest.map((mask) => cut | mask), price, (mask) => !this.stand(ids, mask));
    }

    // All cuts without an idle member, smallest first; as many as the work allows, and those that remove everything.
    cuts() {
      const single = bySize([...this.environments.keys()].flatMap((id) => this.ofOne(id)));
      const sizes = new Map();
      const place = (cut) => {
        const size = count(cut);
        if (!sizes.has(size)) sizes.set(size, []);
        sizes.get(size).push(cut);
      };
      single.forEach(place);
      const seen = new Set(single);
      const found = [];
      const search = new Search();
      const asked = MAKE * this.inPart.length * this.graph.rules.length;
      try {
        while (sizes.size) {
          const size = Math.min(...sizes.keys());
          const cuts = bySize(sizes.get(size));
          sizes.delete(size);
          for (const cut of cuts) {
            search.spend(this.allOf.size + asked * (1 + size));
            if (!this.isMinimal(cut, this.removed(cut))) continue;
            if (found.length === MAX_CUTS) throw new OutOfWork();
            found.push(cut);
            search.spend(MAKE * single.length);
            for (const other of single) {
              const joined = cut | other;
              if (seen.has(joined)) continue;
              seen.add(joined);
              place(joined);
            }
          }
        }
      } catch (error) {
        if (!(error instanceof OutOfWork)) throw error;
        this.truncated = true;
        return bySize([...found, ...this.ofAll()]);
      }
      return found;
    }

    // Minimal cuts that remove every attack that can be removed.
    ofAll() {
      const falling = [...this.environments].filter(([, found]) => !found.includes(0n));
      const [cuts] = hittingSets(falling.flatMap(([, found]) => found));
      return this.inPart.length ? this.grown(falling.map(([id]) => id), cuts.length ? cuts[0] : 0n) : cuts;
    }
  }

  return { harden };
})();
