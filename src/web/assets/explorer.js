// The explorer's own page, in the frame of the others. `frame` stands before this: its links and its words.

const dark = matchMedia('(prefers-color-scheme: dark)')
const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches)
dark.addEventListener('change', follow)
follow()

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
