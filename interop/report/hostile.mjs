// hostile.mjs FILE: a statement by somebody who wants to harm whoever reads its report: markup in
// strings, very long names, 200 kinds. It is still a statement that parses.
import { readFileSync } from 'node:fs'

const st = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const nasty = `</title></style></script><script>document.title='taken'</script><img src=x onerror="document.title='taken'">\u202e`
const long = 'Ab'.repeat(4000)
const p = st.predicate
p.drill.id = nasty
p.drill.scenario = p.source.product = p.archive.id = p.arrangement.region = long
p.target.product = p.parties.operator.name = p.arrangement.service = p.tool.name = nasty
p.archive.signedBy = [nasty, long]
p.notTested.push(nasty, long)
for (const c of p.checks) [c.why, c.by] = [nasty + long, nasty]
for (const l of p.losses) [l.kind, l.why] = [nasty, nasty + long]
for (const f of p.findings) [f.id, f.text] = [long, nasty]
for (const r of p.replay) r.feature = nasty + long
for (let i = 0; i < 200; i++) {
  p.kinds.push({
    kind: `${nasty}${i}`, class: long, coverage: nasty, source: 2 ** 45, archived: 2 ** 45, imported: 2 ** 45, matched: 2 ** 45,
    gaps: 0, announced: 0, differ: 0, missing: 0, extra: 0, quarantined: 0, refused: 0, conflicts: 0, skipped: 0, canaries: { planted: 0, recovered: 0 },
    fields: [{ path: long, present: 2, exact: 1, dropped: 1, equivalent: 0, transformed: 0, defaulted: 0, redacted: 0, quarantined: 0 }],
  })
}
p.identity.records += 200 * 2 ** 45 // it has to add up, and stay a whole number of JavaScript
for (const h of p.custody) [h.from, h.to] = [nasty, long]
for (const m of p.models) m.weights = [nasty, long]
for (const w of p.authority.waiting) [w.kind, w.effect, w.needs] = [nasty, long, nasty + long]
for (const d of p.trend) d.schema = nasty + long
p.timing.rtoSeconds = 1e300
p.timing.phases[0].seconds = 0
console.log(JSON.stringify(st))
