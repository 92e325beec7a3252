// The resolver of taxonomy/answers.py, prices.py, limited.py and threat.py for the browser: the same answers from the exported graph.
// tests/site/test_same_answers.py holds it to them in a real browser.
"use strict";

const Resolver = (() => {
  const { Graph, add, compare, fits, used } = Graphs;
  // What is limited: a limit of null is none.
  const LIMITED = ["models", "queries", "rows"], PUBLISHED = ["Q.samples", "Q.aggregates"], HOME = "home:";
  const FACETS = ["answers", "records", "differentiable", "stage", "granularity"], RECORDED = "recorded-answers";

  class Atlas {
    constructor(data) {
      this.data = data;
      this.terms = new Map(data.terms.map((term) => [term.id, term]));
      this.graph = new Graph(data.rules, this.terms, data.assumed);
    }

    applies(term, threat) {
      return (!term.models || term.models.includes(threat.model)) && (!term.frames || term.frames.includes(threat.frame));
    }

    // What frames a threat model, and says what is attacked, and cannot be withdrawn.
    aspects(threat) {
      const { answers = [], records = [], stage = [], granularity = [], recorded = false } = threat;
      const about = [...answers, ...records, ...stage, ...granularity, ...(recorded ? [RECORDED] : [])];
      return [threat.observation, threat.model, threat.frame, ...about, ...this.stated(threat).said];
    }

    // A threat model with its facets. They stay what they are when its grants are changed.
    stated(threat) {
      if (threat.facets) return threat;
      const facets = this.facets(threat);
      const usual = this.data.usual_answers[threat.model];
      return { ...threat, facets, said: facets.filter((id) => this.terms.get(id)?.aspect === "answers" && id !== usual) };
    }

    grants(threat) {
      return [...new Set([...this.aspects(threat), ...threat.knows])].sort(compare);
    }

    grantable(threat) {
      const { facets } = this.stated(threat);
      const among = (kinds) => !kinds || kinds.some((one) => facets.includes(one));
      const fits = (term) => this.applies(term, threat) && among(term.answers) && among(term.about);
      return this.data.terms.filter((term) => term.grantable && fits(term)).map((term) => term.id);
    }

    // What the model answers, what a record is, whether there are gradients and what is asked about: as stated, and read where
    // nothing is.
    facets(threat) {
      const { answers = [], records = [], stage = [], granularity = [], differentiable = true } = threat;
      const of = (aspect) => this.data.terms.filter((term) => term.aspect === aspect).map((term) => term.id);
      const alone = threat.knows.map((id) => this.terms.get(id).answers).filter((kinds) => kinds && kinds.length === 1);
      const ofText = records.join() === "text" && this.data.usual_answers_of_text[threat.model];
      const usual = ofText || this.data.usual_answers[threat.model];
      const read = alone.length ? alone.map((kinds) => kinds[0]) : usual ? [usual] : [];
      const found = new Set([
        ...(answers.length ? answers : read),
        ...(records.length ? records : of("records")),
        ...(stage.length ? stage : of("stage")),
        ...(granularity.length ? granularity : of("granularity")),
        ...(differentiable ? of("differentiable") : []),
      ]);
      const known = (id) => FACETS.includes(this.terms.get(id)?.aspect) && this.applies(this.terms.get(id), threat);
      return [...found].filter((id) => answers.includes(id) || known(id)).sort(compare);
    }

    ceiling(threat) {
      return LIMITED.map((name) => threat.limits?.[name] ?? null);
    }

    limited(threat) {
      return this.ceiling(threat).some((limit) => limit !== null);
    }

    isQuery(term) {
      return this.terms.get(term)?.aspect === "query";
    }

    // Where queries go: what is derivable without any answer of the service is asked at home; rows of a file are no calls.
    where(threat) {
      const own = this.grants(threat).filter((term) => !this.isQuery(term));
      const home = new Set([...this.graph.close(own).keys()].filter((term) => this.isQuery(term)));
      return { home, rows: (threat.limits?.rows ?? null) !== null };
    }

    // A price [models, queries, queries a record] with its queries where they belong; a fourth number says that the attack can do
    // nothing with the models.
    paid(rule, price, where) {
      const [models, queries, each, closed = 0] = price;
      if (!queries && !each) return [models, 0, 0, 0, 0, 0, closed];
      const asked = rule.needs.filter((need) => this.isQuery(need));
      if (asked.length && asked.every((term) => where.home.has(term))) return [models, 0, 0, 0, queries, each, closed];
      if (where.rows && asked.some((term) => PUBLISHED.includes(term))) return [models, 0, each, queries, 0, 0, closed];
      return [models, queries, each, 0, 0, 0, closed];
    }

    // Prices of rules for one attack: in the amounts that it wants, and in the least that will do.
    prices(attack, where) {
      const memo = [new Map(), new Map()];
      const once = (kept, rule, make) => {
        if (!kept.has(rule)) kept.set(rule, make());
        return kept.get(rule);
      };
      const wanted = (rule) => (attack.prices && attack.prices[rule.id]) || rule.price;
      const amounts = (rule) => (attack.least && attack.least[rule.id]) || [];
      const shrunk = (rule) =>
        amounts(rule).reduce((price, one) => price.map((all, i) => all - (one.more[i] || 0) * (one.wanted - one.least)), wanted(rule));
      return {
        amounts,
        full: (rule) => once(memo[0], rule, () => this.paid(rule, wanted(rule), where)),
        least: (rule) => once(memo[1], rule, () => this.paid(rule, shrunk(rule), where)),
        one: (rule, amount) => this.paid(rule, amount.more, where),
      };
    }

    // A proof in the least amounts, with amounts as large as the limits allow, and which of them are reduced.
    enlarged(proof, prices, ceiling) {
      let total = proof.price;
      const reduced = [];
      const amounts = proof.rules.flatMap((rule) => prices.amounts(rule).map((amount) => ({ rule, ...amount })));
      amounts.sort((a, b) => compare(a.rule.id, b.rule.id) || compare(a.parameter, b.parameter));
      for (const amount of amounts) {
        const one = prices.one(amount.rule, amount);
        let more = amount.wanted - amount.least;
        used(one).forEach((each, i) => {
          if (ceiling[i] !== null && each > 0) more = Math.min(more, Math.floor((ceiling[i] - used(total)[i]) / each));
        });
        total = add(total, one.map((each) => each * more));
        if (amount.least + more < amount.wanted) reduced.push([amount.rule.id, amount.parameter, amount.wanted, amount.least + more]);
      }
      return { ...proof, price: total, cheapest: false, reduced };
    }

    answer(attack, unread, where = this.where(unread)) {
      const threat = this.stated(unread);
      const { facets } = threat;
      const stated = [threat.model, threat.frame, ...facets];
      const aspectOf = (id) => this.terms.get(id)?.aspect;
      const kinds = ["model-type", "frame", ...FACETS];
      const other = new Set(attack.needs.filter((need) => kinds.includes(aspectOf(need)) && !stated.includes(need)));
      for (const [first, ...more] of attack.belongs) {
        const known = facets.some((id) => aspectOf(id) === aspectOf(first));
        if (known && ![first, ...more].some((one) => stated.includes(one))) other.add(first);
      }
      const types = [...other].filter((id) => ["model-type", "frame"].includes(aspectOf(id)));
      const because = (types.length ? types : [...other]).sort(compare);
      if (because.length) return { id: attack.id, kind: "inapplicable", because };
      const goal = "attack:" + attack.id, grants = this.grants(threat), ceiling = this.ceiling(threat);
      const prices = this.prices(attack, where);
      const found = (proof) => ({ id: attack.id, kind: "feasible", reduced: [], ...proof, records: this.records(proof, threat) });
      let { proof } = this.graph.derivation(goal, grants, prices.full);
      if (!proof) return this.infeasible(attack, threat, []);
      if (!fits(used(proof.price), ceiling)) proof = this.graph.derivation(goal, grants, prices.full, ceiling).proof;
      if (proof) return found(proof);
      if (attack.least) proof = this.graph.derivation(goal, grants, prices.least, ceiling).proof;
      if (proof) return found(this.enlarged(proof, prices, ceiling));
      return this.infeasible(attack, threat, this.wouldDo(goal, grants, prices.least, ceiling));
    }

    // For how many candidates the limit on calls is enough; null if for any number, or if that depends on the record.
    records(proof, threat) {
      if (proof.rules.some((rule) => rule.unpriced)) return null;
      const limit = threat.limits?.queries ?? null;
      return limit !== null && proof.price[2] ? Math.floor((limit - proof.price[1]) / proof.price[2]) : null;
    }

    // The least to which each limit alone would have to be raised; if none alone would do, all of a cheapest proof.
    wouldDo(goal, grants, pricing, ceiling) {
      const found = [];
      LIMITED.forEach((name, place) => {
        if (ceiling[place] === null) return;
        const lifted = ceiling.map((limit, i) => (i === place ? null : limit));
        const { proof } = this.graph.derivation(goal, grants, pricing, lifted, place);
        if (proof) found.push({ [name]: used(proof.price)[place] });
      });
      if (found.length) return found;
      const taken = used(this.graph.derivation(goal, grants, pricing).proof.price);
      const over = LIMITED.map((name, i) => [name, taken[i]]).filter(([, amount], i) => ceiling[i] !== null && amount > ceiling[i]);
      return [Object.fromEntries(over)];
    }

    infeasible(attack, threat, wouldDo) {
      const grants = this.grants(threat), grantable = this.grantable(threat);
      const missing = this.missing(attack, threat, grants, grantable);
      const fitted = missing.sets.map((set) => ({ set, fit: this.fit(threat, set) }));
      // The sort is stable: by size and name within those that fit, and within those that do not.
      fitted.sort((a, b) => Number(!a.fit.fits) - Number(!b.fit.fits));
      const nothing = !fitted.length && !wouldDo.length && this.limited(threat);
      return {
        id: attack.id,
        kind: "infeasible",
        sets: fitted.map((one) => one.set),
        fits: fitted.map((one) => one.fit),
        truncated: missing.truncated,
        wouldDo,
        beyond: nothing ? this.graph.missing("attack:" + attack.id, grants, grantable).sets : [],
      };
    }

    // Whether an attack is feasible within the limits; null if the search for a proof was cut short.
    stands(attack, threat) {
      const goal = "attack:" + attack.id, grants = this.grants(threat);
      if (!this.limited(threat)) return this.graph.close(grants).has(goal);
      const { proof, exhaustive } = this.graph.derivation(
        goal, grants, this.prices(attack, this.where(threat)).least, this.ceiling(threat)
      );
      return proof ? true : exhaustive ? false : null;
    }

    // The same adversary with these grants instead of its own.
    withGrants(threat, grants) {
      return { ...threat, knows: [...new Set(grants)].filter((term) => !this.aspects(threat).includes(term)) };
    }

    // Every minimal set of grantable terms that, with the grants, makes an attack feasible within the limits.
    missing(attack, threat, grants, grantable) {
      const goal = "attack:" + attack.id;
      if (!this.limited(threat)) return this.graph.missing(goal, grants, grantable);
      const found = this.within(attack, threat, goal).missing(goal, grants, grantable);
      const sets = found.sets.filter((set) => this.stands(attack, this.withGrants(threat, [...grants, ...set])));
      return { sets, truncated: found.truncated || sets.length < found.sets.length };
    }

    // The rules that can take part in a proof within the limits (taxonomy/limited.py): one that alone passes a limit is left out,
    // and one that asks the model has a twin that asks a copy at home.
    within(attack, threat, goal) {
      const ceiling = this.ceiling(threat);
      const prices = this.prices(attack, { home: new Set(), rows: ceiling[2] !== null });
      const atHome = (rule) => rule.needs.map((need) => (this.isQuery(need) ? HOME + need : need));
      const kept = [];
      const cone = this.graph.cone(goal);
      const numbers = [...cone].flatMap((term) => this.graph.yieldedBy.get(term) || []).sort((a, b) => a - b);
      for (const rule of numbers.map((number) => this.graph.rules[number])) {
        const [models, calls, rows] = used(prices.least(rule));
        if (fits([models, calls, rows], ceiling)) kept.push(rule);
        if ((calls || rows) && rule.needs.some((need) => this.isQuery(need)) && fits([models, 0, 0], ceiling))
          kept.push({ ...rule, id: HOME + rule.id, needs: atHome(rule) });
      }
      for (const rule of this.graph.rules)
        if (this.isQuery(rule.yields)) kept.push({ ...rule, id: HOME + rule.id, needs: atHome(rule), yields: HOME + rule.yields });
      return new Graph(kept, this.terms, this.data.assumed);
    }

    answers(threat) {
      const stated = this.stated(threat), where = this.where(stated);
      return this.data.attacks.map((attack) => this.answer(attack, stated, where));
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
      const reasons = [], model = `${"aeiou".includes(threat.model[0]) ? "an" : "a"} ${threat.model} model`;
      const knows = [...threat.knows].sort(compare);
      const inside = knows.filter((term) => term.split(".")[0] === "M1");
      if (threat.observation === "black-box" && inside.length)
        reasons.push(`black-box with ${inside.join(", ")}, which is what white-box means`);
      if (threat.observation === "white-box" && threat.model === "aggregate")
        reasons.push("white-box on published statistics, which have no inside");
      for (const term of knows)
        if (!this.applies(this.terms.get(term), threat))
          reasons.push(`${term} does not apply to ${model} in the ${threat.frame} frame`);
      const kinds = [...(threat.answers || [])].sort(compare);
      for (const term of knows) {
        const needed = this.terms.get(term).answers;
        if (kinds.length && needed && needed.length && !needed.some((one) => kinds.includes(one)))
          reasons.push(`${term}, which a model has that has ${needed.join(" or ")}, with ${kinds.join(", ")}`);
      }
      const stages = [...(threat.stage || [])].sort(compare);
      for (const term of knows) {
        const about = (this.terms.get(term).about || []).filter((one) => this.terms.get(one)?.aspect === "stage");
        if (stages.length && about.length && !about.some((one) => stages.includes(one)))
          reasons.push(`${term}, which is about ${about.join(" or ")}, with ${stages.join(", ")}`);
      }
      const what = threat.model === "aggregate" ? "published statistics" : model;
      for (const facet of [...new Set([...kinds, ...(threat.records || []), ...stages])].sort(compare))
        if (this.terms.has(facet) && !this.applies(this.terms.get(facet), threat))
          reasons.push(`${facet} does not apply to ${what}`);
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

    // Minimal sets of stated grants, each withdrawn or replaced by a poorer one: what owners can do first, cheapest for users first.
    harden(unread) {
      const threat = this.stated(unread);
      const feasible = this.answers(threat).filter((answer) => answer.kind === "feasible").map((answer) => answer.id);
      return Withdrawals.harden(this, threat, this.data.attacks.filter((attack) => feasible.includes(attack.id)));
    }
  }

  return { Atlas };
})();
