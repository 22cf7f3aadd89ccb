// check.mjs CHROMIUM SHOTS PAGE…: looks at pages; exit code 1 and a line for each thing that is wrong.
import { createRequire } from 'node:module'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const require = createRequire(join(process.env.EXITRAMP_MODULES, 'x.js'))
const { chromium } = require('playwright-core')
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
const [, , executablePath, shots, ...pages] = process.argv

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
const profile = mkdtempSync(join(tmpdir(), 'report-profile-'))

// look opens a page as a person has it and returns what is wrong.
async function look(browser, url, name, width, colorScheme) {
  const wrong = []
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme })
  const page = await context.newPage()
  page.on('console', m => { if (['error', 'warning'].includes(m.type())) wrong.push(`console: ${m.text().slice(0, 200)}`) })
  page.on('pageerror', e => wrong.push(`script: ${e}`))
  page.on('dialog', d => { wrong.push('a dialog'); d.dismiss() })
  page.on('request', r => { if (r.url() !== url) wrong.push(`asks for ${r.url().slice(0, 200)}`) })
  await page.goto(url)
  wrong.push(...await page.evaluate(() => {
    const out = []
    const doc = document.documentElement
    if (doc.scrollWidth > innerWidth) {
      const wide = [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll'))
      out.push(`overflows: ${doc.scrollWidth} of ${innerWidth} px, by ${wide.slice(0, 3).map(e => e.outerHTML.slice(0, 80)).join(' ')}`)
    }
    for (const t of document.querySelectorAll('svg[role=img] text')) { // words of a drawing stay in it
      const a = t.getBoundingClientRect(), b = t.closest('svg').getBoundingClientRect()
      if (a.right > b.right + 24 || a.left < b.left - 24) out.push(`"${t.textContent.slice(0, 40)}" leaves its drawing`)
    }
    return out.slice(0, 5)
  }))
  await page.screenshot({ path: join(shots, `${name}-${width}-${colorScheme}.png`), fullPage: false })
  if (width === 1280 && colorScheme === 'light') {
    const pdf = await page.pdf({ preferCSSPageSize: true, printBackground: true })
    writeFileSync(join(shots, `${name}.pdf`), pdf)
    const n = (pdf.toString('latin1').match(/\/Type\s*\/Page\b(?!s)/g) ?? []).length
    if (!pdf.subarray(0, 5).equals(Buffer.from('%PDF-')) || n < 3) wrong.push(`prints to ${n} pages`)
    else console.log(`${name}: prints to ${n} pages`)
  }
  await context.close()
  return wrong
}

// judge asks axe-core. The page forbids scripts, so it is asked in a context that passes over that.
async function judge(browser, url, width, colorScheme) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, bypassCSP: true })
  const page = await context.newPage()
  await page.goto(url)
  await page.evaluate(axe)
  const { violations, passes } = await page.evaluate(() => window.axe.run({ resultTypes: ['violations'] }))
  await context.close()
  if (passes.length === 0) return ['axe-core: no rule was run']
  return violations.filter(v => ['serious', 'critical'].includes(v.impact))
    .map(v => `axe-core: ${v.impact} ${v.id}, ${v.nodes.length} times: ${v.nodes[0].target.join(' ')}: ${v.nodes[0].failureSummary.replace(/\s+/g, ' ').slice(0, 240)}`)
}

async function check(browser, path) {
  const url = pathToFileURL(path).href
  const name = basename(path, '.html')
  let bad = 0
  for (const width of [390, 1280]) {
    for (const scheme of ['light', 'dark']) {
      const wrong = [...await look(browser, url, name, width, scheme), ...await judge(browser, url, width, scheme)]
      for (const w of wrong) console.log(`${name}, ${width} px, ${scheme}: ${w}`)
      bad += wrong.length
    }
  }
  return bad
}

const browser = await chromium.launch({ executablePath, args: flags })
let bad = 0
try {
  // The check itself: a page with everything wrong.
  const wrong = join(profile, 'wrong.html')
  writeFileSync(wrong, '<!DOCTYPE html><title>x</title><img src="http://127.0.0.1:9/x.png"><p style="color:#eee;width:2000px">words that nobody can read</p><script>throw 1</script>')
  const log = console.log
  const said = []
  console.log = s => said.push(s)
  await check(browser, wrong)
  console.log = log
  for (const what of ['console:', 'script:', 'asks for', 'overflows', 'serious color-contrast', 'critical image-alt', 'prints to 1 pages']) {
    if (!said.some(s => s.includes(what))) { console.log(`the check does not see ${what}`); bad++ }
  }
  for (const p of pages) {
    const n = await check(browser, p)
    console.log(`${n === 0 ? 'PASS' : 'FAIL'}: ${basename(p)}: ${n === 0 ? 'nothing wrong' : `${n} things wrong`}, 390 and 1280 px, light and dark`)
    bad += n
  }
} finally {
  await browser.close()
  rmSync(profile, { recursive: true, force: true })
}
process.exit(bad === 0 ? 0 : 1)
