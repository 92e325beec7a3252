// taxonomy/minimal_sets.py for the browser: families of minimal sets as bit masks, with the same count of the work, so that what is
// cut short there is cut short here at the same place.
"use strict";

const MinimalSets = (() => {
  const WORK = 500000, MAKE = 10, FEW = 16;

  class OutOfWork extends Error {}

  function* bits(mask) {
    for (; mask; mask &= mask - 1n) yield mask & -mask;
  }

  function count(mask) {
    let found = 0;
    for (; mask; mask &= mask - 1n) found++;
    return found;
  }

  // Masks without repetition, those with the fewest bits first.
  function bySize(masks) {
    const counted = [...new Set(masks)].map((mask) => [count(mask), mask]);
    counted.sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : 1));
    return counted.map((pair) => pair[1]);
  }

  // One search: the work that is left to it, how many sets it keeps at each place, and whether it left any out.
  class Search {
    constructor(keep = null) {
      this.left = WORK;
      this.keep = keep;
      this.dropped = false;
    }

    spend(amount) {
      this.left -= amount;
      if (this.left < 0) throw new OutOfWork();
    }

    // The masks that contain no other mask, smallest first.
    minimal(masks) {
      const kept = [];
      for (const mask of bySize(masks)) {
        this.spend(kept.length + 1);
        if (kept.some((other) => (other & mask) === other)) continue;
        if (kept.length === this.keep) {
          this.dropped = true;
          break;
        }
        kept.push(mask);
      }
      return kept;
    }

    // The minimal unions of a set of one family with a set of another.
    unions(first, second) {
      this.spend(MAKE * first.length * second.length);
      return this.minimal(first.flatMap((a) => second.map((b) => a | b)));
    }
  }

  // What an attempt finds, and whether it is cut short: first with every set, and if that is too much work with few.
  function searched(attempt) {
    for (const search of [new Search(), new Search(FEW)]) {
      try {
        return [attempt(search), search.dropped];
      } catch (error) {
        if (!(error instanceof OutOfWork)) throw error;
      }
    }
    return [[], true];
  }

  // A minimal subset of each set for which a monotone condition still holds; sets for which no work is left are dropped.
  function shrunk(masks, price, holds) {
    const found = new Set();
    let left = WORK;
    for (let mask of masks) {
      left -= price * count(mask);
      if (left < 0) break;
      for (const bit of [...bits(mask)]) if (holds(mask & ~bit)) mask &= ~bit;
      found.add(mask);
    }
    return bySize(found);
  }

  // All minimal sets that share a bit with each environment (Berge's algorithm), and whether the list is cut short.
  function hittingSets(environments) {
    const ordered = bySize(environments);
    if (!ordered.length || ordered[0] === 0n) return [[], false];
    const [sets, truncated] = searched((search) => {
      let sets = [0n];
      for (const environment of ordered) {
        const members = [...bits(environment)];
        const missed = sets.filter((mask) => !(mask & environment));
        search.spend(MAKE * missed.length * members.length);
        const grown = missed.flatMap((mask) => members.map((bit) => mask | bit));
        sets = search.minimal([...sets.filter((mask) => mask & environment), ...grown]);
      }
      return sets;
    });
    if (!truncated) return [sets, false];
    const every = ordered.reduce((a, b) => a | b, 0n);
    const hits = (mask) => ordered.every((environment) => mask & environment);
    return [shrunk(sets.length ? sets : [every], ordered.length, hits), true];
  }

  return { MAKE, OutOfWork, Search, bits, bySize, count, hittingSets, searched, shrunk };
})();
