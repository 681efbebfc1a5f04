{
  # All that npm ships: the addon, and the programs that are exec'd beside it. The C++ side that is not Node is CMake's.
  'variables': {
    'package_version': '<!(node -p "require(\'./package.json\').version")',
  },
  'targets': [
    {
      'target_name': 'shm_liveness',
      'sources': [
        'native/addon/module.cc',
        'native/addon/at_fork.cc',
        'native/addon/fast_call.cc',
        'native/addon/heartbeat_object.cc',
        'native/addon/region_functions.cc',
        'native/addon/shared_beat.cc',
        'native/addon/layout_functions.cc',
        'native/addon/lock_functions.cc',
        'native/addon/sigbus.cc',
        'native/addon/stacks/engine.cc',
        'native/addon/stacks/interrupt.cc',
        'native/addon/stacks/look.cc',
        'native/addon/stacks/mapping.cc',
        'native/addon/stacks/native_place.cc',
        'native/addon/stacks/report.cc',
        'native/addon/stacks/running_code.cc',
        'native/addon/stacks/walk.cc',
        'native/addon/stacks/watcher.cc',
      ],
      'include_dirs': ["<!(node -p \"require('node-addon-api').include_dir\")", 'native'],
      # A thread may be terminated in the midst of a call. From then on every call into JavaScript fails; node-addon-api
      # aborts the process over that, unless it may unwind by exceptions and drop those that can no longer be thrown.
      # The core throws none, and beat() does not go through node-addon-api.
      'defines': [
        'NAPI_VERSION=8', 'NAPI_CPP_EXCEPTIONS', 'NODE_ADDON_API_DISABLE_DEPRECATED',
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS', 'SHM_LIVENESS_THREADS_OF_LIBUV',
      ],
      'cflags': ['-Wall', '-Wextra', '-fvisibility=hidden'],
      'cflags_cc!': ['-fno-exceptions', '-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': ['-std=c++20'],
      # Small, for two of these are in each package. What a beat runs is inlined by attributes (beat.hpp).
      'configurations': {'Release': {'cflags!': ['-O3'], 'cflags': ['-Os']}},
      # Atomics in place: the helpers that choose between two kinds ask __getauxval, which musl has not.
      'conditions': [['target_arch=="arm64"', {'cflags': ['-mno-outline-atomics']}]],
      # nodelete: a worker's environment unloads its addons when it ends, and our signal and fork handlers must stay.
      'ldflags': ['-Wl,-z,nodelete', '-Wl,--exclude-libs,ALL'],
    },
    {
      'target_name': 'shm-probe',
      'type': 'executable',
      'sources': ['probe/shm_probe.cc'],
      'includes': ['probe/static_program.gypi'],
    },
    {
      'target_name': 'shm-guard',
      'type': 'executable',
      'sources': ['probe/shm_guard.cc'],
      'includes': ['probe/static_program.gypi'],
    },
  ],
}
