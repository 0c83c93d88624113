// Everything works without this; it only adds what a page cannot do by itself.

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

/** A field that is there to be copied is selected as a whole. */
for (const field of document.querySelectorAll('[data-select]')) field.addEventListener('focus', () => field.select())

/** Forms that ask before they are sent. */
for (const form of document.querySelectorAll('form[data-confirm]')) {
  form.addEventListener('submit', event => {
    if (!confirm(form.dataset.confirm)) event.preventDefault()
  })
}

/** "All of these" in a group of checkboxes. */
for (const all of document.querySelectorAll('button[data-all]')) {
  const boxes = [...all.closest('fieldset').querySelectorAll('input[type=checkbox]')]
  all.addEventListener('click', () => {
    const check = boxes.some(box => !box.checked)
    for (const box of boxes) box.checked = check
  })
}

/** Exact times in the reader's own time zone. */
for (const time of document.querySelectorAll('time[datetime]')) {
  time.title = new Date(time.dateTime).toLocaleString(document.documentElement.lang, {
    dateStyle: 'medium',
    timeStyle: 'long',
  })
}

/** A date that is chosen says that the expiry is on a date. */
for (const field of document.querySelectorAll('[data-chooses]')) {
  field.addEventListener('input', () => {
    if (field.value !== '') field.form.elements.namedItem(field.dataset.chooses).value = 'date'
  })
}

/** A page that is the answer to a form is loaded anew as the page that it leads to. */
for (const link of document.querySelectorAll('a[data-replaces]')) history.replaceState(null, '', link.href)
