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
    const check = boxes.some(box => !box.checked)
    for (const box of boxes) box.checked = check
  })
}

/** Exact times in the local time zone. */
for (const time of document.querySelectorAll('time[datetime]')) {
  time.title = new Date(time.dateTime).toLocaleString(document.documentElement.lang, {
    dateStyle: 'medium',
    timeStyle: 'long',
  })
}

/** Entering a date selects the option for a custom date. */
for (const field of document.querySelectorAll('[data-chooses]')) {
  field.addEventListener('input', () => {
    if (field.value !== '') field.form.elements.namedItem(field.dataset.chooses).value = 'date'
  })
}

/** A page that is the response to a form: a reload opens the page that its link leads to. */
for (const link of document.querySelectorAll('a[data-replaces]')) history.replaceState(null, '', link.href)
