{
  # A program without libc in one segment. Node's own flags are for addons and go; see start.hpp for why each byte and
  # page counts.
  'defines!': ['V8_DEPRECATION_WARNINGS', '_GLIBCXX_USE_CXX11_ABI=1'],
  'defines': ['SHM_LIVENESS_FREESTANDING', 'SHM_LIVENESS_VERSION="<(package_version)"'],
  'cflags!': ['-fPIC', '-pthread', '-fno-omit-frame-pointer', '-O3', '-m64'],
  'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
  'cflags': [
    '-Wall', '-Wextra', '-Wconversion',
    '-ffreestanding', '-fno-builtin', '-fno-tree-loop-distribute-patterns',
    '-fno-stack-protector', '-fno-asynchronous-unwind-tables', '-fno-unwind-tables',
    '-fno-pie', '-fno-ident', '-fdata-sections', '-ffunction-sections',
    '-fwhole-program', '-fno-inline-functions-called-once', '-fno-jump-tables', '-fomit-frame-pointer',
  ],
  'cflags_cc': ['-std=c++20', '-fno-exceptions', '-fno-rtti', '-fno-threadsafe-statics'],
  'conditions': [
    # Tables aligned as the ABI asks, not to cache lines: the padding between them is a hundred bytes.
    ['target_arch=="x64"', {'cflags': ['-malign-data=abi']}],
    # Atomics in place: the helpers that choose between two kinds are libgcc's.
    ['target_arch=="arm64"', {'cflags': ['-mno-outline-atomics']}],
  ],
  'ldflags!': ['-rdynamic', '-pthread', '-m64'],
  'ldflags': [
    '-nostdlib', '-static', '-no-pie', '-s', '-Wl,--gc-sections', '-Wl,-z,noseparate-code', '-Wl,--build-id=none',
    '-Wl,-z,norelro',
  ],
  'configurations': {
    'Release': {
      'cflags!': ['-O3', '-fno-omit-frame-pointer'],
      # The params: inlining one-line functions costs five hundred bytes of the probe's 40 KiB.
      'cflags': [
        '-Oz', '--param=max-inline-insns-size=1', '--param=early-inlining-insns=0',
        # These cost another two hundred: each makes code faster here that runs once.
        '-fno-move-loop-invariants', '-fno-tree-loop-im', '-fno-code-hoisting', '-fno-if-conversion',
      ],
    },
  },
}
