// Files may be dropped anywhere on a page.

/** @param {(files: File[]) => void} onFiles */
export function acceptDrops(onFiles) {
  addEventListener('dragover', (event) => {
    event.preventDefault()
    document.body.classList.add('dropping')
  })
  addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) document.body.classList.remove('dropping')
  })
  addEventListener('drop', (event) => {
    event.preventDefault()
    document.body.classList.remove('dropping')
    onFiles([...(event.dataTransfer?.files ?? [])])
  })
}
