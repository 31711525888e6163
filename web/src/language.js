// uPlot formats numbers in navigator.language when it is imported, and so would end the page where
// that is no language: WebKitGTK in the locale C.UTF-8 says "C". To be imported before it.
try {
  new Intl.NumberFormat(navigator.language)
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en', configurable: true })
}
