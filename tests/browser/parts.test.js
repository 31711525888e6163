// Parts of the page that need no browser: the tree of versions, files of conversations, rates.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SottoError } from 'sotto'
import { answerProblem, EmptyAnswer, loadProblem } from '../../web/src/problems.js'
import { Rate } from '../../web/src/rate.js'
import { AnswerClock, quantile, quantisationOf } from '../../web/src/statistics.js'
import { exportText, importText } from '../../web/src/transfer.js'
import {
  addMessage,
  choose,
  dropMessage,
  emptyConversation,
  merge,
  shownPath,
  titleFrom,
  versionsOf,
} from '../../web/src/tree.js'

const shown = (conversation) => shownPath(conversation).map(({ content }) => content)

function branched() {
  const conversation = emptyConversation('Be brief.')
  const question = addMessage(conversation, null, 'user', 'q')
  const first = addMessage(conversation, question.id, 'assistant', 'a1')
  addMessage(conversation, first.id, 'user', 'q2')
  const second = addMessage(conversation, question.id, 'assistant', 'a2')
  return { conversation, question, first, second }
}

test('versions of a message, each with what follows it', () => {
  const { conversation, question, first, second } = branched()
  assert.deepEqual(shown(conversation), ['q', 'a2'])
  assert.deepEqual(versionsOf(conversation, first), [first, second])
  choose(conversation, first)
  assert.deepEqual(shown(conversation), ['q', 'a1', 'q2'])
  dropMessage(conversation, second)
  assert.deepEqual(shown(conversation), ['q', 'a1', 'q2'])
  addMessage(conversation, null, 'user', 'other')
  assert.deepEqual(shown(conversation), ['other'])
  choose(conversation, question)
  assert.deepEqual(shown(conversation), ['q', 'a1', 'q2'])
  assert.equal(conversation.title, 'other')
})

test('what two tabs add to one conversation is all there in the end', () => {
  const { conversation: mine, second } = branched()
  const other = structuredClone(mine)
  const own = addMessage(mine, second.id, 'user', 'mine')
  const theirs = addMessage(other, second.id, 'user', 'theirs')
  addMessage(other, theirs.id, 'assistant', '') // no word of it yet
  const answer = addMessage(mine, own.id, 'assistant', 'half an ans')
  other.messages.push({ ...answer, content: 'half', parent: own.id })
  assert.equal(merge(mine, other), true)
  assert.deepEqual(shown(mine), ['q', 'a2', 'mine', 'half an ans'])
  assert.deepEqual(
    versionsOf(mine, own).map(({ content }) => content),
    ['mine', 'theirs'],
  )
  assert.equal(mine.messages.length, 7)
  assert.equal(merge(mine, structuredClone(mine)), false)
  merge(other, mine)
  assert.deepEqual(shown(other), ['q', 'a2', 'theirs', ''])
  choose(other, own)
  assert.deepEqual(shown(other), ['q', 'a2', 'mine', 'half an ans'])
})

test('a title is one line of a size that fits', () => {
  assert.equal(titleFrom('  one\ntwo'), 'one')
  assert.equal(titleFrom('x'.repeat(100)).length, 60)
  assert.equal(titleFrom('   '), 'New chat')
})

test('conversations come back from a file with ids of their own', () => {
  const { conversation } = branched()
  const [back] = importText(exportText([conversation]))
  assert.deepEqual(shown(back), shown(conversation))
  assert.equal(back.system, 'Be brief.')
  assert.equal(back.messages.length, conversation.messages.length)
  assert.notEqual(back.id, conversation.id)
  const old = new Set(conversation.messages.map(({ id }) => id))
  assert.ok(back.messages.every(({ id }) => !old.has(id)))
})

test('a hostile or damaged file is refused with the place that is wrong', () => {
  const spoil = (change) => {
    const data = JSON.parse(exportText([branched().conversation]))
    change(data, data.conversations[0], data.conversations[0].messages)
    return () => importText(JSON.stringify(data))
  }
  assert.throws(() => importText('{'), /not a JSON file/)
  for (const text of ['[]', 'null', '1', '{}'])
    assert.throws(() => importText(text), /no conversations/)
  const cases = [
    [/version 2/, (data) => Object.assign(data, { version: 2 })],
    [/conversations must be a list/, (data) => Object.assign(data, { conversations: {} })],
    [/conversations\[0\] must be an object/, (data) => data.conversations.splice(0, 1, 7)],
    [/\[0\]\.title must be a text/, (_, one) => Object.assign(one, { title: 1 })],
    [/messages must be a list/, (_, one) => Object.assign(one, { messages: 'x' })],
    [/messages\[0\]\.role/, (_, __, list) => Object.assign(list[0], { role: 'system' })],
    [/messages\[1\]\.content/, (_, __, list) => Object.assign(list[1], { content: {} })],
    [/messages\[1\]\.content/, (_, __, l) => Object.assign(l[1], { content: 'x'.repeat(2e6 + 1) })],
    [/messages\[1\]\.parent/, (_, __, list) => Object.assign(list[1], { parent: 'nobody' })],
    [/messages\[0\]\.parent/, (_, __, list) => Object.assign(list[0], { parent: list[2].id })],
    [/messages\[1\]\.id/, (_, __, list) => Object.assign(list[1], { id: list[0].id })],
    [/messages\[0\]\.created/, (_, __, list) => Object.assign(list[0], { created: '1' })],
    [/created must be a time/, (_, one) => Object.assign(one, { created: 1e300 })],
  ]
  for (const [reason, change] of cases) assert.throws(spoil(change), reason)
})

test('what a file says too much is left out', () => {
  const data = JSON.parse(exportText([branched().conversation]))
  const [one] = data.conversations
  Object.assign(one, { extra: 1, choice: { '': one.messages[0].id, nobody: 'x' } })
  Object.assign(one.messages[1], { facts: { first: 'NaN' }, end: 'whatever', onclick: 'x' })
  const [back] = importText(JSON.stringify(data))
  assert.deepEqual(
    Object.keys(back).sort(),
    Object.keys(one)
      .filter((k) => k !== 'extra')
      .sort(),
  )
  assert.deepEqual(Object.keys(back.messages[1]), ['id', 'parent', 'role', 'content', 'created'])
  assert.equal(Object.keys(back.choice).length, 1)
})

test('a rate of the last seconds, and what is left', () => {
  const rate = new Rate()
  assert.equal(rate.perSecond, 0)
  assert.equal(rate.remaining(100), Infinity)
  for (let second = 0; second <= 10; second++) rate.add(second * 1000, second * 1000)
  assert.equal(rate.perSecond, 1000)
  assert.equal(rate.remaining(15_000), 5)
})

test('figures of an answer', () => {
  assert.equal(quantile([], 0.5), 0)
  assert.equal(quantile([1, 2, 3, 4], 0.5), 3)
  assert.equal(quantile([1, 2, 3, 4], 0.95), 4)
  const clock = new AnswerClock()
  const begin = performance.now()
  for (const ms of [10, 20, 40]) clock.piece(begin + ms)
  assert.deepEqual(clock.gaps.map(Math.round), [10, 20])
  assert.equal(Math.round(clock.speeds[1]), 67)
  // After a pause of the page many pieces come at one time: that is no speed of its own.
  const jerky = new AnswerClock()
  for (let i = 0; i < 60; i++) jerky.piece(begin + 10 * i)
  for (let i = 0; i < 20; i++) jerky.piece(begin + 800 + i / 100)
  assert.ok(Math.max(...jerky.speeds) < 101, `${Math.max(...jerky.speeds)}`)
  const tensors = [
    { type: 'f32', bytes: 10 },
    { type: 'q4_0', bytes: 90 },
  ]
  assert.equal(quantisationOf({ tensors }), 'Q4_0')
  assert.equal(quantisationOf({}), 'unknown')
})

test("a problem shows its error's message word for word, and advice in whole sentences", () => {
  const clause = new SottoError('invalid_argument', 'n_ctx: must be at most 4096')
  const problem = loadProblem(clause)
  assert.equal(problem.text, 'n_ctx: must be at most 4096')
  assert.match(problem.advice, /^[A-Z].*\.$/)
  assert.equal(answerProblem(new Error('iPhone says no')).text, 'iPhone says no')
  assert.match(answerProblem(new EmptyAnswer()).text, /^[A-Z].*\.$/)
})
