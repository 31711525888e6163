// The list of conversations: open, rename, delete, take out as a file and put in again.
import { confirmDialog, promptDialog } from './dialogs.js'
import { announce, byId, iconButton, make, saveFile } from './dom.js'
import { ago } from './format.js'
import { notice } from './notices.js'
import { exportText, importText, LARGEST_FILE, TransferError } from './transfer.js'

/** @import { Chat } from './chat.js' */
/** @import { Library } from './library.js' */
/** @import { Head } from './types.js' */

export class Sidebar {
  #chat
  #library
  #onOpen
  #list = byId('conversations')

  /**
   * @param {{ chat: Chat, library: Library, onOpen: () => void }} parts onOpen:
   *   a conversation is shown
   */
  constructor({ chat, library, onOpen }) {
    this.#chat = chat
    this.#library = library
    this.#onOpen = onOpen
    library.heads.watch(() => this.#draw())
    library.current.watch(() => this.#mark())
    byId('new-chat').addEventListener('click', () => this.begin())
    byId('export-all').addEventListener('click', () => this.#exportAll())
    const file = byId('import-file', HTMLInputElement)
    byId('import').addEventListener('click', () => file.click())
    file.addEventListener('change', async () => {
      const chosen = file.files?.[0]
      file.value = ''
      if (chosen) await this.importFile(chosen)
    })
  }

  async begin() {
    await this.#chat.stop()
    await this.#library.begin()
    this.#onOpen()
  }

  #draw() {
    const focused = document.activeElement?.closest('li')?.getAttribute('data-id')
    this.#list.replaceChildren(...this.#library.heads.value.map((head) => this.#row(head)))
    byId('no-conversations').hidden = this.#library.heads.value.length > 0
    this.#mark()
    if (focused) {
      const row = this.#list.querySelector(`li[data-id="${CSS.escape(focused)}"] button`)
      if (row instanceof HTMLElement) row.focus()
    }
  }

  /** @param {Head} head */
  #row({ id, title, updated }) {
    const open = make(
      'button',
      'open',
      make('span', 'title', title),
      make('span', 'when', ago(updated)),
    )
    open.type = 'button'
    open.addEventListener('click', () => this.#open(id))
    const rename = iconButton('edit', `Rename ${title}`, () => this.#rename(id, title))
    const save = iconButton('download', `Export ${title}`, () => this.#export(id))
    const remove = iconButton('trash', `Delete ${title}`, () => this.#remove(id, title))
    const row = make('li', '', open, make('span', 'row-tools', rename, save, remove))
    row.dataset.id = id
    return row
  }

  #mark() {
    const { id } = this.#library.current.value
    for (const row of this.#list.querySelectorAll('li')) {
      const here = row.dataset.id === id
      row.classList.toggle('current', here)
      const button = row.querySelector('.open')
      if (here) button?.setAttribute('aria-current', 'page')
      else button?.removeAttribute('aria-current')
    }
  }

  /** @param {string} id */
  async #open(id) {
    if (id === this.#library.current.value.id) return this.#onOpen()
    await this.#chat.stop()
    await this.#library.open(id)
    this.#onOpen()
  }

  /** @param {string} id @param {string} title */
  async #rename(id, title) {
    const name = await promptDialog('Rename the conversation', title)
    if (name && name !== title) await this.#library.rename(id, name)
  }

  /** @param {string} id @param {string} title */
  async #remove(id, title) {
    const text = `“${title}” and all versions of its messages will be gone for good.`
    if (!(await confirmDialog('Delete the conversation?', text, 'Delete'))) return
    if (id === this.#library.current.value.id) await this.#chat.stop()
    await this.#library.remove(id)
    announce('Deleted')
  }

  /** @param {string} id */
  async #export(id) {
    const all = await this.#library.all()
    const found = all.filter((conversation) => conversation.id === id)
    if (found[0]) saveFile(`${fileStem(found[0].title)}.json`, exportText(found))
  }

  async #exportAll() {
    const all = await this.#library.all()
    saveFile(`sotto-conversations-${new Date().toISOString().slice(0, 10)}.json`, exportText(all))
  }

  /** @param {File} file */
  async importFile(file) {
    try {
      if (file.size > LARGEST_FILE) throw new TransferError('The file is larger than 64 MB.')
      const conversations = importText(await file.text())
      await this.#chat.stop()
      await this.#library.add(conversations)
      const n = conversations.length
      announce(`Imported ${n} ${n === 1 ? 'conversation' : 'conversations'}`)
      this.#onOpen()
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      notice(`${file.name} was not imported. ${text}`, { kind: 'problem' })
    }
  }
}

/** @param {string} title */
const fileStem = (title) =>
  title
    .normalize('NFKD')
    .replace(/[^\w]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 48)
    .toLowerCase() || 'conversation'
