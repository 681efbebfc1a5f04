// Reading the stack of the thread that calls.
#pragma once

#include <node_api.h>

#include "capture.hpp"
#include "mapping.hpp"

namespace shm_liveness::addon::stacks {

// Fills in `out`; false where V8 has refused. Safe inside an interrupt: it runs no JavaScript. An Error would: its
// `stack` calls Error.prepareStackTrace, reads Error.stackTraceLimit and, with --enable-source-maps, files; users
// replace, freeze and trap all of these. V8's own StackTrace touches none of them.
//
// `told`, if it names a script and that is on the stack: its map is put there, too.
bool walk(napi_env env, Capture& out, ToldMap& told);

}  // namespace shm_liveness::addon::stacks
