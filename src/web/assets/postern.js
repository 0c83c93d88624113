// Progressive enhancement: the pages also work without this script.

/** Buttons that copy. */
for (const button of document.querySelectorAll('button[data-copy]')) {
  const label = button.textContent
  button.addEventListener('click', async () => {
    const source = document.getElementById(button.dataset.copy)
    try {
      await navigator.clipboard.writeText(source.value ?? source.textContent)
    } catch {
      source.select?.()
      document.execCommand('copy')
    }
    button.textContent = document.getElementById('main').dataset.copied
    setTimeout(() => {
      button.textContent = label
    }, 2000)
  })
}

/** Fields that select their whole content on focus. */
for (const field of document.querySelectorAll('[data-select]')) field.addEventListener('focus', () => field.select())

/**
 * Buttons that give access do nothing for half a second after the page appears or comes to the front. Otherwise another site
 * could open a window over it, ask for a double click, and close the window at the first one.
 */
for (const button of document.querySelectorAll('[data-deliberate]')) {
  let timer
  const wait = () => {
    button.ariaDisabled = 'true'
    clearTimeout(timer)
    timer = setTimeout(() => {
      button.ariaDisabled = null
    }, 500)
  }
  for (const appears of ['pageshow', 'focus']) window.addEventListener(appears, wait)
  document.addEventListener('visibilitychange', wait)
  button.addEventListener('click', event => button.ariaDisabled && event.preventDefault())
  wait()
}

/** Forms that need a confirmation. */
for (const form of document.querySelectorAll('form[data-confirm]')) {
  form.addEventListener('submit', event => {
    if (!confirm(form.dataset.confirm)) event.preventDefault()
  })
}

/** "Select all" in a group of checkboxes. */
for (const all of document.querySelectorAll('button[data-all]')) {
  const boxes = [...all.closest('fieldset').querySelectorAll('input[type=checkbox]')]
  all.addEventListener('click', () => {
    const check = boxes.some(box => !box.checked && !box.disabled)
    for (const box of boxes) if (!box.disabled) box.checked = check
    boxes[0].dispatchEvent(new Event('change', { bubbles: true }))
  })
}

/** Checkboxes of a list: all at once, and a button for those that are checked. */
for (const button of document.querySelectorAll('button[data-needs-selection]')) {
  const { form } = button
  const boxes = [...form.querySelectorAll('tbody input[type=checkbox]')]
  const all = form.querySelector('[data-select-all]')
  const show = () => {
    const checked = boxes.filter(box => box.checked).length
    button.disabled = checked === 0
    all.checked = checked === boxes.length
    all.indeterminate = checked > 0 && checked < boxes.length
  }
  all.addEventListener('change', () => {
    for (const box of boxes) box.checked = all.checked
  })
  form.addEventListener('change', show)
  // Also after Back, when the browser has restored them.
  window.addEventListener('pageshow', show)
}

/** Exact times in the local time zone. */
for (const time of document.querySelectorAll('time[datetime]')) {
  const exact = new Date(time.dateTime).toLocaleString(document.documentElement.lang, {
    dateStyle: 'medium',
    timeStyle: 'long',
  })
  time.title = exact
  const unseen = time.querySelector('.unseen')
  if (unseen) unseen.textContent = `, ${exact}`
}

/** A field that filters the options below it, and their groups. */
for (const field of document.querySelectorAll('[data-filter]')) {
  const choice = field.closest('.choice')
  const groups = [...choice.querySelectorAll('.options fieldset')]
  field.addEventListener('input', () => {
    const wanted = field.value.trim().toLowerCase()
    for (const group of groups) {
      const labels = [...group.querySelectorAll('label')]
      for (const label of labels) label.hidden = !label.textContent.toLowerCase().includes(wanted)
      group.hidden = labels.every(label => label.hidden)
    }
    choice.querySelector('[data-none]').hidden = groups.some(group => !group.hidden)
  })
  // It is no field of the form.
  field.addEventListener('keydown', event => event.key === 'Enter' && event.preventDefault())
}

/** Where `a` includes `a:b`, that is ticked along with it, and says why. */
for (const options of document.querySelectorAll('[data-inherit]')) {
  const idOf = box => box.name.replace('scope.', '')
  const boxes = [...options.querySelectorAll('label:has([data-included]) input')]
  const own = new Set(boxes.filter(box => box.checked))
  const show = () => {
    for (const box of boxes) {
      // What was ticked by itself stays as it is, or saving the form would take it away.
      const isBelow = other => own.has(other) && idOf(box).startsWith(`${idOf(other)}:`)
      const by = own.has(box) ? undefined : boxes.find(isBelow)
      const note = box.closest('label').querySelector('[data-included]')
      box.disabled = by !== undefined
      box.checked = box.disabled || own.has(box)
      note.hidden = !box.disabled
      if (by) note.textContent = options.dataset.inherit.replace('{scope}', () => idOf(by))
    }
  }
  options.addEventListener('change', () => {
    for (const box of boxes) if (!box.disabled) own[box.checked ? 'add' : 'delete'](box)
    show()
  })
  show()
}

/** What changes by itself while the page is open. */
for (const live of document.querySelectorAll('[data-live=yes]')) {
  const refresh = async () => {
    // A server that does not answer now may answer later.
    const response = await fetch(location.href).catch(() => undefined)
    const page = new DOMParser().parseFromString((await response?.text()) ?? '', 'text/html')
    const now = page.querySelector('[data-live]')
    // It has ended, or the page is another one, such as that to sign in.
    if (response && now?.dataset.live !== 'yes') return location.reload()
    if (now) live.innerHTML = now.innerHTML
    setTimeout(refresh, 1000)
  }
  setTimeout(refresh, 1000)
}

const DAY_FORMAT = { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' }
const inWords = day => new Date(day).toLocaleDateString(document.documentElement.lang, DAY_FORMAT)

/** What a form creates, in words. */
for (const summary of document.querySelectorAll('[data-summary]')) {
  const form = summary.closest('form')
  const checked = part => [...form.querySelectorAll(`input[name^="${part}."]:checked:enabled`)]
  const read = {
    name: ({ name }) => name.value.trim() || '–',
    expires: ({ expires_in: days, expires_on: date }) =>
      days.value === 'date' && date.value ? inWords(date.value) : days.selectedOptions[0].text,
    scopes: () =>
      checked('scope')
        .map(box => box.name.slice(6))
        .join(', ') || summary.dataset.none,
    resources: () =>
      checked('resource')
        .map(box => box.name.slice(9))
        .join(', ') || summary.dataset.everywhere,
    format: () =>
      form.querySelector('[name=format]:checked').parentElement.querySelector('span').firstChild.data.trim(),
  }
  const show = () => {
    for (const place of summary.querySelectorAll('[data-of]')) {
      const text = read[place.dataset.of](form.elements)
      if (place.textContent !== text) place.textContent = text
    }
  }
  form.addEventListener('input', show)
  form.addEventListener('change', show)
}

/** The day and the number of the bar under the pointer, as the tooltip of a chart. */
for (const chart of document.querySelectorAll('svg[data-values]')) {
  const { lang } = document.documentElement
  const values = chart.dataset.values.split(' ')
  chart.addEventListener('pointermove', event => {
    const { left, width } = chart.getBoundingClientRect()
    const bar = Math.min(values.length - 1, Math.max(0, Math.floor(((event.clientX - left) / width) * values.length)))
    const day = new Date(Date.parse(chart.dataset.from) + bar * 86_400_000)
    const text = day.toLocaleDateString(lang, { timeZone: 'UTC', dateStyle: 'medium' })
    chart.querySelector('title').textContent = `${text}: ${Number(values[bar]).toLocaleString(lang)}`
  })
}

/** A page that is the response to a form: a reload opens the page that its link leads to. */
for (const link of document.querySelectorAll('a[data-replaces]')) history.replaceState(null, '', link.href)

/** Passkeys (WebAuthn Level 3): the button asks the browser for one, and its answer is sent with the form. */
const { PublicKeyCredential } = window
for (const button of document.querySelectorAll('button[data-passkey]')) {
  const { form } = button
  const { passkey: kind, options, failed, known } = button.dataset
  const says = form.querySelector('[role=alert]')
  const parse =
    PublicKeyCredential?.[kind === 'create' ? 'parseCreationOptionsFromJSON' : 'parseRequestOptionsFromJSON']
  if (!parse) button.disabled = true
  let waiting = new AbortController()
  let pressed = false

  async function ask(more) {
    waiting.abort()
    waiting = new AbortController()
    const publicKey = parse.call(PublicKeyCredential, JSON.parse(options))
    const credential = await navigator.credentials[kind]({ publicKey, signal: waiting.signal, ...more })
    form.querySelector('[data-credential]').value = JSON.stringify(credential)
    form.submit()
  }

  button.addEventListener('click', async () => {
    if ([...form.querySelectorAll('input[data-needed]')].some(field => !field.reportValidity())) return
    pressed = true
    says.hidden = true
    try {
      await ask()
    } catch (error) {
      says.textContent = error.name === 'InvalidStateError' ? known : failed
      says.hidden = false
    }
  })

  /** The browser offers passkeys in the field for the e-mail address, unless somebody was faster and pressed the button. */
  if (parse && document.querySelector('[autocomplete~=webauthn]')) {
    PublicKeyCredential.isConditionalMediationAvailable?.().then(
      available => available && !pressed && ask({ mediation: 'conditional' }).catch(() => {}),
    )
  }
}

/** Navigation that scrolls sideways shows where one is. */
for (const link of document.querySelectorAll('nav [aria-current]')) {
  const nav = link.closest('nav')
  nav.scrollLeft = link.offsetLeft - nav.offsetLeft - (nav.clientWidth - link.offsetWidth) / 2
}
