/* What people read about a type, in errors and in the reference. Knows no value and no reader. */
#include "type_words.h"

#include <inttypes.h>
#include <stdio.h>

#include "grammar.h"

struct type_words {
  const char *noun, *hint;
};

static const struct type_words words[STYRO_TYPE_COUNT] = {
    [STYRO_TYPE_OBJECT] = {"an object", ""},
    [STYRO_TYPE_LATER] = {"not supported yet", ""},
    [STYRO_TYPE_BOOL] = {"true or false", "write true or false, without quotes"},
    [STYRO_TYPE_INT] = {"a whole number", ""},
    [STYRO_TYPE_SIZE] = {"a size", "a size is a number of bytes, or a text such as \"64K\", \"256M\" or \"1.5G\" in "
                                   "binary units"},
    [STYRO_TYPE_LIMIT] = {"a limit", "a limit is a number, a size such as \"256M\", or \"unlimited\""},
    [STYRO_TYPE_DURATION] = {"a duration", "a duration is a number of seconds, or a text such as \"500ms\", \"1.5s\", "
                                           "\"2m\" or \"1h\""},
    [STYRO_TYPE_OFFSET] = {"a duration, also a negative one",
                           "write a number of seconds, or a text such as \"1h\" or \"-1.5s\""},
    [STYRO_TYPE_CORES] = {"a number of cores", "write a number such as 1.5"},
    [STYRO_TYPE_MODE] = {"permission bits", "write them as octal text such as \"022\""},
    [STYRO_TYPE_TEXT] = {"a text", ""},
    [STYRO_TYPE_PATH] = {"an absolute path", "write the whole path from `/` on, without `..`"},
    [STYRO_TYPE_SOURCE] = {"an absolute path or a descriptor",
                           "write the whole path from `/` on, or the number of a descriptor of the caller, 3 or above"},
    [STYRO_TYPE_ENUM] = {"a word", ""},
    [STYRO_TYPE_LIST] = {"a list of texts", "a list is written as [\"first\", \"second\"]"},
    [STYRO_TYPE_MAP] = {"an object of texts", "write {\"NAME\": \"value\"}"},
    [STYRO_TYPE_PROTECTIONS] = {"a list of protections", "write a list such as [\"limits\"]"},
    [STYRO_TYPE_CAPS] = {"`none`, `ALL` or a list of capabilities",
                         "write \"none\", \"ALL\" or a list such as [\"CAP_NET_RAW\"]"},
    [STYRO_TYPE_GROUPS] = {"a list of ids or `keep`", "write a list such as [10, 20], [] for none, or \"keep\""},
    [STYRO_TYPE_FDS] = {"a list of descriptors or `by_caller`", "write a list such as [3, 4], or \"by_caller\""},
    [STYRO_TYPE_PORTS] = {"a list of ports", "write a list such as [80, 443], or [] for none"},
    [STYRO_TYPE_BPF] = {"a list of instructions", "an instruction is a list of four numbers [code, jt, jf, k]"},
    [STYRO_TYPE_ID_MAP] = {"`self`, `subuid` or a list of ranges",
                           "a range is a list of three numbers [inside, outside, count]"},
    [STYRO_TYPE_OCI] = {"an object or a path",
                        "write the object that a runtime has as `linux.seccomp`, or the one that Docker takes, or the "
                        "path of a file that has it"},
    [STYRO_TYPE_MOUNTS] = {"a list of objects", "write [{\"type\": \"tmpfs\", \"at\": \"/inside\"}]"},
    [STYRO_TYPE_IDMAP] = {"`user` or a list of ranges", "a range is a list of three numbers [on disk, inside, count]"},
    [STYRO_TYPE_RULES] = {"an object of paths", "write {\"/inside\": \"ro\"}"},
};

const char *styro_type_noun(enum styro_type type)
{
  return words[type].noun;
}

const char *styro_type_hint(enum styro_type type)
{
  return words[type].hint;
}

/* The empty word stands for a value that cannot be written. */
static size_t count_words(const struct styro_field *field)
{
  size_t n = 0;
  for (size_t i = 0; field->words[i] != NULL; i++) {
    n += field->words[i][0] != '\0';
  }
  return n;
}

/* Cut where it is too long: a list of words is help, not data. */
void styro_words_print(const struct styro_field *field, char *out, size_t size)
{
  size_t n = count_words(field), seen = 0, used = 0;
  out[0] = '\0';
  for (size_t i = 0; field->words[i] != NULL && used < size; i++) {
    if (field->words[i][0] == '\0') {
      continue;
    }
    seen++;
    const char *after = seen == n ? "" : seen + 1 == n ? " or " : ", ";
    int len = snprintf(out + used, size - used, "`%s`%s", field->words[i], after);
    used += len < 0 ? 0 : (size_t)len;
  }
}

const char *styro_bound_print(enum styro_type type, int64_t bound, char *out)
{
  switch (type) {
  case STYRO_TYPE_SIZE: return styro_print_size((uint64_t)bound, out);
  case STYRO_TYPE_DURATION: return styro_print_duration(bound, out);
  case STYRO_TYPE_OFFSET: return styro_print_offset(bound, out);
  case STYRO_TYPE_CORES: return styro_print_cores(bound, out);
  case STYRO_TYPE_MODE: snprintf(out, STYRO_PRINTED, "%04" PRIo64, (uint64_t)bound); return out;
  default: snprintf(out, STYRO_PRINTED, "%" PRId64, bound); return out;
  }
}
