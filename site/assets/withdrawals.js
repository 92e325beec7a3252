// taxonomy/withdrawals.py for the browser: what falls if grants are withdrawn. A cut is a bit mask over the grants closed under
// implications.
"use strict";

const Withdrawals = (() => {
  const { MAKE, OutOfWork, Search, bits, bySize, count, hittingSets, shrunk } = MinimalSets;
  const MAX_CUTS = 5000;
  const ASPECTS = ["observation", "model-type", "frame", "answers", "records", "differentiable"];
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

  return class {
    constructor(atlas, threat, attacks) {
      this.graph = atlas.graph;
      const closed = [...atlas.implications.close(atlas.grants(threat)).keys()];
      this.terms = closed.filter((name) => !ASPECTS.includes(atlas.terms.get(name).aspect)).sort(compare);
      this.aspects = atlas.grants(threat).filter((id) => ASPECTS.includes(atlas.terms.get(id)?.aspect));
      this.truncated = false;
      this.environments = new Map();
      this.inPart = [];
      const bit = new Map(this.terms.map((name, i) => [name, 1n << BigInt(i)]));
      for (const id of [...attacks].sort(compare)) {
        const supports = this.graph.missing("attack:" + id, this.aspects, this.terms);
        this.environments.set(id, supports.sets.map((set) => set.reduce((mask, name) => mask | bit.get(name), 0n)));
        if (supports.truncated) {
          this.inPart.push(id);
          this.truncated = true;
        }
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
      const rest = this.terms.filter((_, i) => !((cut >> BigInt(i)) & 1n));
      const closure = this.graph.close([...this.aspects, ...rest]);
      return ids.some((id) => closure.has("attack:" + id));
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
  };
})();
