// Part of the modules with threads, read by Emscripten's linker: the workers that its threads
// run in come from whoever makes the module (Module.startThread), who knows where their file is,
// what a bundler made of it, and what to do when one does not start.
LibraryManager.library.$PThread.allocateUnusedWorker = () => {
  PThread.unusedWorkers.push(Module.startThread())
}
