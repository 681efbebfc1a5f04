#include "mapping.hpp"

#include "shm_liveness/clock.hpp"
#include "source_map.hpp"

namespace shm_liveness::addon::stacks {
namespace {

constexpr std::size_t kMostMapBytes = std::size_t(32) << 20;
constexpr std::uint64_t kMostMappingNs = 100'000'000;

// A file's text. Not a mapping of the file: one that is being replaced would be a SIGBUS.
class FileText {
 public:
  bool read(std::string_view path) {
    char name[kMostPathBytes + 1];
    Text text(name);
    text << path;
    if (text.overflowed() || path.find('\0') != std::string_view::npos) return false;
    const int fd = sys::open(text.c_str(), sys::kReadOnly | sys::kCloseOnExec | sys::kNonBlock);
    if (fd < 0) return false;
    sys::FileStatus status{};
    const bool is_file = sys::status(fd, status) >= 0 && (status.stx_mode & 0170000) == 0100000;
    const bool is_read =
        is_file && status.stx_size > 0 && status.stx_size <= kMostMapBytes && fill(fd, status.stx_size);
    sys::close(fd);
    return is_read;
  }

  char* data() const { return pages_.data(); }
  std::string_view view() const { return pages_.view(); }

 private:
  bool fill(int fd, std::size_t bytes) {
    if (!pages_.reserve(bytes)) return false;
    while (pages_.used < bytes) {
      const long got = sys::read(fd, pages_.data() + pages_.used, bytes - pages_.used);
      if (got <= 0) break;
      pages_.used += static_cast<std::size_t>(got);
    }
    return pages_.used > 0;
  }

  Pages pages_;
};

// Where sources are named from, and the map's JSON.
struct Map {
  FileText file;
  char base_buffer[kMostPathBytes];
  std::string_view base;
  std::string_view json;

  // `told`: the map's URL as V8 told it, or nothing.
  bool load(std::string_view script, std::string_view url, bool is_inline, ToldMap* told) {
    char buffer[kMostPathBytes];
    const std::string_view path = file_path_of(script, buffer);
    if (told != nullptr) return decode(path, told->url.data(), told->url.used);
    if (path.empty()) return false;
    if (!is_inline) return load_external(path, url);
    if (!file.read(path)) return false;
    // The script's last comment.
    const std::size_t begin = file.view().rfind("data:application/json");
    return begin != std::string_view::npos && decode(path, file.data() + begin, file.view().size() - begin);
  }

 private:
  bool load_external(std::string_view script, std::string_view url) {
    char url_buffer[kMostPathBytes];
    std::string_view path = file_path_of(url, url_buffer);
    if (path.empty() && url.find("://") != std::string_view::npos) return false;
    if (path.empty()) path = url;
    const std::string_view joined = join_path(directory_of(script), path, base_buffer);
    if (!file.read(joined)) return false;
    base = directory_of(joined);
    json = file.view();
    return true;
  }
  // `data:application/json;base64,…`
  bool decode(std::string_view script, char* url, std::size_t bytes) {
    const std::string_view text(url, bytes);
    const std::size_t comma = text.find(',');
    if (!text.starts_with("data:application/json") || !head(text, comma).ends_with(";base64")) return false;
    char* const data = url + comma + 1;
    json = {data, decode_base64(data, bytes - comma - 1)};
    base = join_path(directory_of(script), {}, base_buffer);
    return true;
  }
};

// A source as its map calls it, as a person reads it: bundlers write `webpack://app/./src/frames.ts`.
void show_source(Place& place, const Map& map, const MapText& text, std::string_view source,
                 std::string_view working_directory) {
  char root_buffer[kMostPathBytes];
  char path_buffer[kMostPathBytes];
  char joined_buffer[kMostPathBytes];
  std::string_view path = file_path_of(source, path_buffer);
  if (path.empty()) {
    if (const std::size_t scheme = source.find("://"); scheme != std::string_view::npos) {
      source = tail(source, scheme + 3);
      const std::size_t slash = source.find('/');
      path = join_path({}, tail(source, slash == std::string_view::npos ? 0 : slash), joined_buffer);
      keep_text(place.file, shown_path(tail(path, 1), working_directory));
      return;
    }
    path = source;
  }
  const std::string_view root = join_path(map.base, text.source_root, root_buffer);
  keep_text(place.file, shown_path(join_path(root, path, joined_buffer), working_directory));
}

std::uint64_t key_of(const Capture& stack, const Frame& frame, const Place& place) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  const auto mix = [&](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  };
  mix(stack.script_name(frame));
  mix(place.function);
  hash = (hash ^ place.line) * 0x100000001b3u;
  hash = (hash ^ place.column) * 0x100000001b3u;
  return hash | 1;
}

std::string_view identifier_at(std::string_view text, std::uint32_t line, std::uint32_t column) {
  for (; line > 1; --line) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text = tail(text, end + 1);
  }
  text = tail(head(text, text.find('\n')), column - 1);
  const auto is_part = [](char c) {
    const char lower = static_cast<char>(c | 0x20);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '$';
  };
  std::size_t bytes = 0;
  while (bytes < text.size() && is_part(text[bytes])) ++bytes;
  return head(text, bytes);
}

// A minifier's name: the map's name for what the caller calls says more.
bool is_short(std::string_view function) { return function.size() <= 3; }

}  // namespace

const Place* Mapper::find(std::uint64_t key) const {
  for (const Known& known : known_) {
    if (known.key == key) return &known.place;
  }
  return nullptr;
}

const Place& Mapper::remember(std::uint64_t key, const Place& place) {
  Known& known = known_[next_];
  known = {key, place};
  next_ = (next_ + 1) % kKnown;
  return known.place;
}

std::string_view Mapper::called_at(const Capture& stack, const Frame& frame) {
  Place place;
  place.line = frame.line;
  place.column = frame.column;
  const std::uint64_t key = key_of(stack, frame, place);
  if (const Place* const known = find(key)) return known->function;
  char buffer[kMostPathBytes];
  FileText script;
  if (script.read(file_path_of(stack.script_name(frame), buffer))) {
    keep_text(place.function, identifier_at(script.view(), frame.line, frame.column));
  }
  return remember(key, place).function;
}

Mapped Mapper::map(const Capture& stack, const Selection& selected, Place* places, std::string_view working_directory,
                   ToldMap& told) {
  const std::uint64_t deadline = monotonic_ns() + kMostMappingNs;
  Mapped mapped;
  std::uint64_t keys[Selection::kMost];
  bool is_open[Selection::kMost];
  for (std::uint32_t i = 0; i < selected.count; ++i) {
    const Frame& frame = stack.frames[selected.frames[i]];
    const Script& script = stack.scripts[frame.script];
    keys[i] = key_of(stack, frame, places[i]);
    is_open[i] = script.has_inline_map || script.map.bytes > 0;
    const Place* const known = is_open[i] ? find(keys[i]) : nullptr;
    if (known == nullptr) continue;
    places[i] = *known;
    is_open[i] = false;
    mapped.has_changed = true;
  }
  for (std::uint32_t first = 0; first < selected.count; ++first) {
    if (!is_open[first]) continue;
    const std::uint8_t script_index = stack.frames[selected.frames[first]].script;
    const Script& script = stack.scripts[script_index];
    // All frames of this script at once. A caller's question also tells what it calls.
    Question questions[Selection::kMost];
    std::uint32_t of[Selection::kMost];
    std::size_t count = 0;
    for (std::uint32_t i = first; i < selected.count; ++i) {
      if (!is_open[i] || stack.frames[selected.frames[i]].script != script_index) continue;
      is_open[i] = false;
      questions[count] = {};
      questions[count].line = places[i].line - 1;
      questions[count].column = places[i].column - 1;
      of[count++] = i;
    }
    Map map;
    MapText text;
    ToldMap* const of_script = told.script_id == script.id ? &told : nullptr;
    const bool is_loaded = map.load(stack.text(script.name), stack.text(script.map), script.has_inline_map, of_script);
    if (!is_loaded && script.has_inline_map && of_script == nullptr) {
      mapped.untold_script = script.id;
      continue;
    }
    const bool is_read = is_loaded && read_map(map.json, text);
    if (is_read) resolve(text.mappings, questions, count, [&] { return monotonic_ns() < deadline; });
    for (std::size_t q = 0; q < count; ++q) {
      const Question& question = questions[q];
      Place& place = places[of[q]];
      const Question* const caller = q + 1 < count && of[q + 1] == of[q] + 1 ? &questions[q + 1] : nullptr;
      char buffer[kMostPathBytes];
      Text source(buffer);
      if (is_read && question.is_answered && nth_string(text.sources, question.source, source) &&
          !source.overflowed()) {
        show_source(place, map, text, source.view(), working_directory);
        place.line = question.original_line + 1;
        place.column = question.original_column + 1;
        char name_buffer[sizeof place.function];
        Text name(name_buffer);
        const bool has_name = caller != nullptr && caller->is_answered && caller->has_name &&
                              is_short(place.function) && nth_string(text.names, caller->name, name);
        if (has_name) keep_text(place.function, name.view());
        mapped.has_changed = true;
      }
      remember(keys[of[q]], place);
    }
  }
  return mapped;
}

}  // namespace shm_liveness::addon::stacks
