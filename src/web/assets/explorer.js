// Adds the header of the other pages to the API explorer. `frame`, its links and texts, is defined before this script.

const dark = matchMedia('(prefers-color-scheme: dark)')
const applyTheme = () => document.documentElement.classList.toggle('dark-mode', dark.matches)
dark.addEventListener('change', applyTheme)
applyTheme()

document.documentElement.lang = frame.lang
const header = document.createElement('header')
header.className = 'frame'
const site = document.createElement('strong')
site.textContent = frame.site
const nav = document.createElement('nav')
nav.setAttribute('aria-label', frame.label)
for (const { href, text, current } of frame.links) {
  const link = document.createElement('a')
  Object.assign(link, { href, textContent: text })
  if (current) link.setAttribute('aria-current', 'page')
  nav.append(link)
}
header.append(site, nav)
document.body.prepend(header)
