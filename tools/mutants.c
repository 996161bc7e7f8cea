/* SPDX-License-Identifier: MIT */
/* tools/mutants: small faults for one C file, by rule.
 *
 *     mutants list FILE           one line a fault: number, line, operator, function, old text, new text
 *     mutants apply FILE NUMBER   the whole file with that one fault, on standard output; -1: with none
 *
 * Problem. To ask whether the tests would miss a fault one needs faults that nobody chose: every place
 * where a rule applies, found the same way each time, and each small enough that only an assertion about
 * exactly this behaviour sees it.
 *
 * Idea. The file is cut into tokens, comments left out. Each operator below looks at one token and says
 * which ranges of the text become what; a fault is at most two such edits. Lines stay where they are
 * (what is removed leaves its line breaks), so that messages and coverage still fit. There is no parser:
 * the house's own format makes clear what is a statement and what a declaration, and a fault that does
 * not compile is thrown away by whoever asked.
 *
 *     compare     < and <=, > and >=, == and != change places
 *     logic       && and || change places
 *     negate      a condition turns round; ! and ~ are lost
 *     branch      an if is never taken
 *     unlock      a lock, section or interrupt state is not given back
 *     call        a call whose value nobody wants is left out
 *     assign      an assignment, an increment is left out
 *     arith       + and -, * and /, ++ and -- change places
 *     bits        & and |, << and >>, &= and |= change places
 *     off-by-one  an order, size, count or index that is passed on is one larger
 *     constant    a number is one larger; true and false change places
 *     swap        two arguments next to each other change places
 *     return      a value that is returned is 0
 *     jump        break, continue, goto and return; are left out
 *     opposite    minimum and maximum, up and down, next and prev, first and last bit change places
 *
 * Left alone: assertions (without one nothing happens until it would have been needed), preprocessor
 * lines except numbers in #define, and what lies outside functions except numbers. */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { WORD, NUMBER, TEXT, SIGN };

struct token {
    enum kind kind;
    size_t at, len;
    int line;
    int function;   /* index of the name's token, or -1 outside */
    int mate;       /* the bracket that belongs to this one, or -1 */
    int around;     /* the bracket that this one is inside, or -1 */
    bool directive; /* on a preprocessor line */
    bool asserted;  /* inside the parentheses of an assertion */
};

static char *source;
static size_t source_len;
static struct token *token;
static int nr_tokens;

/* ---- tokens ---------------------------------------------------------------------------------- */

static const char *const long_sign[] = {"<<=", ">>=", "...", "->", "++", "--", "<<", ">>",
                                        "<=",  ">=",  "==",  "!=", "&&", "||", "+=", "-=",
                                        "*=",  "/=",  "%=",  "&=", "|=", "^=", "##"};

static size_t sign_length(const char *text)
{
    for (size_t i = 0; i < sizeof(long_sign) / sizeof(*long_sign); i++)
        if (strncmp(text, long_sign[i], strlen(long_sign[i])) == 0)
            return strlen(long_sign[i]);
    return 1;
}

static bool is(int i, const char *text)
{
    return i >= 0 && i < nr_tokens && token[i].len == strlen(text) &&
           memcmp(source + token[i].at, text, token[i].len) == 0;
}

static bool is_any(int i, const char *const *texts)
{
    for (; *texts; texts++)
        if (is(i, *texts))
            return true;
    return false;
}

static size_t quoted_length(const char *text)
{
    size_t len = 1;
    while (text[len] && text[len] != text[0])
        len += text[len] == '\\' ? 2 : 1;
    return len + 1;
}

static void cut_into_tokens(void)
{
    int line = 1;
    bool directive = false, fresh = true;
    size_t at = 0;

    token = calloc(source_len + 1, sizeof(*token));
    if (!token)
        abort();
    while (at < source_len) {
        const char *text = source + at;
        struct token *new = &token[nr_tokens];
        size_t len = 1;
        if (*text == '\n') {
            line++;
            fresh = true;
            directive = directive && at > 0 && text[-1] == '\\';
        } else if (strncmp(text, "/*", 2) == 0) {
            len = (size_t)(strstr(text, "*/") - text) + 2;
            for (size_t i = 0; i < len; i++)
                line += text[i] == '\n';
        } else if (!isspace((unsigned char)*text)) {
            directive = directive || (fresh && *text == '#');
            fresh = false;
            if (isalpha((unsigned char)*text) || *text == '_') {
                new->kind = WORD;
                while (isalnum((unsigned char)text[len]) || text[len] == '_')
                    len++;
            } else if (isdigit((unsigned char)*text)) {
                new->kind = NUMBER;
                while (isalnum((unsigned char)text[len]))
                    len++;
            } else if (*text == '"' || *text == '\'') {
                new->kind = TEXT;
                len = quoted_length(text);
            } else {
                new->kind = SIGN;
                len = sign_length(text);
            }
            new->at = at;
            new->len = len;
            new->line = line;
            new->directive = directive;
            new->function = new->mate = -1;
            nr_tokens++;
        }
        at += len;
    }
}

static void match_brackets(void)
{
    int *open = calloc((size_t)nr_tokens + 1, sizeof(*open)), depth = 0;
    if (!open)
        abort();
    for (int i = 0; i < nr_tokens; i++) {
        token[i].around = depth > 0 ? open[depth - 1] : -1;
        if (is(i, "(") || is(i, "[") || is(i, "{")) {
            open[depth++] = i;
        } else if ((is(i, ")") || is(i, "]") || is(i, "}")) && depth > 0) {
            token[i].mate = open[--depth];
            token[open[depth]].mate = i;
        }
    }
    free(open);
}

/* A body is a brace in the first column; the function's name is the last word before it that
 * stands in front of a parenthesis outside all others. */
static void find_functions(void)
{
    int name = -1;
    for (int i = 0; i < nr_tokens; i++) {
        if (token[i].kind == WORD && is(i + 1, "(") && !is(i, "__attribute__"))
            name = i;
        if (is(i, "(") && token[i].mate > i) {
            i = token[i].mate;
        } else if (is(i, "{") && token[i].mate > i) {
            if (source[token[i].at - 1] == '\n' && name >= 0)
                for (int j = i; j <= token[i].mate; j++)
                    token[j].function = name;
            i = token[i].mate;
        }
    }
    for (int i = 0; i < nr_tokens; i++)
        if (token[i].kind == WORD && memmem(source + token[i].at, token[i].len, "ASSERT", 6))
            for (int j = i; is(i + 1, "(") && j <= token[i + 1].mate; j++)
                token[j].asserted = true;
}

/* ---- what is a statement ---------------------------------------------------------------------- */

static bool is_word(int i)
{
    return i >= 0 && i < nr_tokens && token[i].kind == WORD;
}

static bool begins_statement(int i)
{
    static const char *const before[] = {";", "{", "}", "else", NULL};
    int open;
    if (!is(token[i].around, "{"))
        return false;
    if (is_any(i - 1, before))
        return true;
    if (is(i - 1, ":")) /* a label */
        return is_word(i - 2) && (is_any(i - 3, before) || is(i - 3, "case") || is(i - 3, ":"));
    if (!is(i - 1, ")"))
        return false;
    open = token[i - 1].mate;
    return is(open - 1, "if") || is(open - 1, "while") || is(open - 1, "for") ||
           is(open - 1, "switch") ||
           (is_word(open - 1) &&
            memmem(source + token[open - 1].at, token[open - 1].len, "EACH", 4));
}

/* The semicolon that ends the statement at @i, or -1. */
static int end_of_statement(int i)
{
    for (; i < nr_tokens && !is(i, ";"); i++) {
        if (is(i, "{") || is(i, "}"))
            return -1;
        if (is(i, "(") || is(i, "["))
            i = token[i].mate;
        if (i < 0)
            return -1;
    }
    return i < nr_tokens ? i : -1;
}

static bool is_call_statement(int i, int end)
{
    return is_word(i) && is(i + 1, "(") && token[i + 1].mate == end - 1;
}

/* An assignment or an increment, and no declaration: no two words stand side by side in front of the
 * operator, nor a word, stars and a word. */
static bool is_assignment(int i, int end)
{
    static const char *const operators[] = {
        "=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "++", "--", "<<=", ">>=", NULL};
    for (int j = i; j < end; j++) {
        if (is_any(j, operators))
            return true;
        if (is(j, "(") || is(j, "["))
            j = token[j].mate;
        else if (is_word(j) && (is_word(j + 1) || (is(j + 1, "*") && j == i)))
            return false;
    }
    return false;
}

static bool is_binary(int i)
{
    static const char *const keywords[] = {"return", "case", "sizeof", "else", NULL};
    if (is(i - 1, ")") || is(i - 1, "]"))
        return true;
    if (is(i, "*") && is_word(i - 1) && is_word(i - 2) && !is_any(i - 2, keywords))
        return false; /* declares a pointer */
    return i > 0 && !is_any(i - 1, keywords) &&
           (token[i - 1].kind == WORD || token[i - 1].kind == NUMBER);
}

/* One argument of a call: its first and last token. */
struct argument {
    int first, last;
};

static bool argument_at(int first, struct argument *argument)
{
    int i = first;
    for (; i < nr_tokens && !is(i, ",") && !is(i, ")"); i++) {
        if (is(i, ";") || is(i, "{"))
            return false;
        if (is(i, "(") || is(i, "["))
            i = token[i].mate;
    }
    argument->first = first;
    argument->last = i - 1;
    return i < nr_tokens && i > first;
}

static bool is_call(int i)
{
    static const char *const keywords[] = {
        "if", "while", "for", "switch", "return", "sizeof", "__attribute__", "__typeof__", NULL};
    return is_word(i) && is(i + 1, "(") && !is_any(i, keywords) && source[token[i].at] != '_';
}

static bool same_text(struct argument a, struct argument b)
{
    size_t len = token[a.last].at + token[a.last].len - token[a.first].at;
    return len == token[b.last].at + token[b.last].len - token[b.first].at &&
           memcmp(source + token[a.first].at, source + token[b.first].at, len) == 0;
}

/* ---- faults ------------------------------------------------------------------------------------ */

struct edit {
    size_t at, remove;
    char text[160];
};
struct fault {
    const char *operator;
    int place; /* a token */
    struct edit edit[2];
};

static int wanted = -1; /* the fault to apply; -1: list them */
static int nr_faults;

static void put_edited(const struct fault *fault, size_t from, size_t to, bool keep_lines,
                       FILE *out)
{
    size_t at = from;
    for (int e = 0; e < 2; e++) {
        const struct edit *edit = &fault->edit[e];
        if (edit->at == 0 && edit->remove == 0 && !edit->text[0])
            continue;
        fwrite(source + at, 1, edit->at - at, out);
        fputs(edit->text, out);
        for (size_t i = edit->at; keep_lines && i < edit->at + edit->remove; i++)
            if (source[i] == '\n')
                fputc('\n', out);
        at = edit->at + edit->remove;
    }
    fwrite(source + at, 1, to - at, out);
}

/* Squeezed into one line, without comments. */
static void put_squeezed(const char *text)
{
    bool space = false, any = false;
    for (; *text; text++) {
        if (strncmp(text, "/*", 2) == 0 && strstr(text, "*/"))
            text = strstr(text, "*/") + 1, space = true;
        else if (isspace((unsigned char)*text))
            space = true;
        else {
            if (space && any)
                putchar(' ');
            putchar(*text);
            space = false;
            any = true;
        }
    }
}

static char *edited(const struct fault *fault, size_t from, size_t to)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        abort();
    put_edited(fault, from, to, false, out);
    fclose(out);
    return text;
}

static void emit(const struct fault *fault)
{
    static const struct fault none;
    const struct token *place = &token[fault->place];
    const struct edit *last = &fault->edit[fault->edit[1].at ? 1 : 0];
    size_t from = fault->edit[0].at, to = last->at + last->remove;
    char *before, *after;

    if (nr_faults++ == wanted) {
        put_edited(fault, 0, source_len, true, stdout);
        exit(0);
    }
    if (wanted >= 0)
        return;
    while (from > 0 && source[from - 1] != '\n')
        from--;
    while (to < source_len && source[to] != '\n')
        to++;
    before = edited(&none, from, to);
    after = edited(fault, from, to);
    printf("%d\t%d\t%s\t", nr_faults - 1, place->line, fault->operator);
    if (place->function >= 0)
        printf("%.*s\t", (int)token[place->function].len, source + token[place->function].at);
    else
        printf("-\t");
    put_squeezed(before);
    putchar('\t');
    put_squeezed(after);
    putchar('\n');
    free(before);
    free(after);
}

static void replace(const char *operator, int i, const char *text)
{
    struct fault fault = {.operator= operator, .place = i };
    fault.edit[0].at = token[i].at;
    fault.edit[0].remove = token[i].len;
    snprintf(fault.edit[0].text, sizeof(fault.edit[0].text), "%s", text);
    emit(&fault);
}

static void drop(const char *operator, int i, int end)
{
    struct fault fault = {.operator= operator, .place = i };
    fault.edit[0].at = token[i].at;
    fault.edit[0].remove = token[end].at - token[i].at;
    emit(&fault);
}

static void wrap(const char *operator, int open, const char *before, const char *after)
{
    struct fault fault = {.operator= operator, .place = open };
    fault.edit[0].at = token[open].at + 1;
    snprintf(fault.edit[0].text, sizeof(fault.edit[0].text), "%s", before);
    fault.edit[1].at = token[token[open].mate].at;
    snprintf(fault.edit[1].text, sizeof(fault.edit[1].text), "%s", after);
    emit(&fault);
}

/* ---- operators --------------------------------------------------------------------------------- */

struct pair {
    const char *operator, * from, *to;
    bool binary; /* what could also stand in front of an operand */
};
static const struct pair pairs[] = {
    {"compare", "<", "<=", false},
    {"compare", "<=", "<", false},
    {"compare", ">", ">=", false},
    {"compare", ">=", ">", false},
    {"compare", "==", "!=", false},
    {"compare", "!=", "==", false},
    {"logic", "&&", "||", false},
    {"logic", "||", "&&", false},
    {"arith", "+", "-", true},
    {"arith", "-", "+", true},
    {"arith", "*", "/", true},
    {"arith", "/", "*", true},
    {"arith", "%", "/", true},
    {"arith", "++", "--", false},
    {"arith", "--", "++", false},
    {"arith", "+=", "-=", false},
    {"arith", "-=", "+=", false},
    {"bits", "&", "|", true},
    {"bits", "|", "&", true},
    {"bits", "^", "|", true},
    {"bits", "<<", ">>", false},
    {"bits", ">>", "<<", false},
    {"bits", "&=", "|=", false},
    {"bits", "|=", "&=", false},
    {"constant", "true", "false", false},
    {"constant", "false", "true", false},
    {"opposite", "QR_MIN", "QR_MAX", false},
    {"opposite", "QR_MAX", "QR_MIN", false},
    {"opposite", "QR_ALIGN_UP", "QR_ALIGN_DOWN", false},
    {"opposite", "QR_ALIGN_DOWN", "QR_ALIGN_UP", false},
    {"opposite", "qr_ffs64", "qr_fls64", false},
    {"opposite", "qr_fls64", "qr_ffs64", false},
    {"opposite", "next", "prev", false},
    {"opposite", "prev", "next", false},
};

static void operators_of_pairs(int i)
{
    for (size_t p = 0; p < sizeof(pairs) / sizeof(*pairs); p++) {
        if (!is(i, pairs[p].from) || (pairs[p].binary && !is_binary(i)))
            continue;
        if (strcmp(pairs[p].from, "next") == 0 || strcmp(pairs[p].from, "prev") == 0)
            if (!is(i - 1, ".") && !is(i - 1, "->"))
                continue;
        replace(pairs[p].operator, i, pairs[p].to);
    }
}

/* Whether the parentheses at @open hold one comparison, or, @joined, several conditions. */
static bool holds(int open, bool joined)
{
    for (int j = open + 1; j < token[open].mate; j++)
        if (joined ? is(j, "&&") || is(j, "||") : is(j, "==") || is(j, "!="))
            return true;
    return false;
}

/* A ! before the only condition: to lose it is to turn that round. */
static bool turns_condition(int i)
{
    return is(i - 1, "(") && (is(i - 2, "if") || is(i - 2, "while")) && !holds(i - 1, true);
}

static void operators_of_conditions(int i)
{
    if ((is(i, "if") || is(i, "while")) && is(i + 1, "(") && token[i + 1].mate > 0) {
        if (holds(i + 1, true) || !holds(i + 1, false)) /* else compare does it */
            wrap("negate", i + 1, "!(", ")");
        if (is(i, "if"))
            wrap("branch", i + 1, "0 && (", ")");
    }
    if ((is(i, "!") && !turns_condition(i)) || (is(i, "~") && !is_binary(i)))
        replace("negate", i, "");
}

static bool is_constant_zero(int i)
{
    return is(i, "0") || is(i, "NULL") || is(i, "false") || is(i, "true");
}

static void operators_of_statements(int i)
{
    static const char *const nested[] = {"if", "else", "for", "while", "do", "switch", NULL};
    static const char *const jumps[] = {"break", "continue", "goto", "return", NULL};
    int end;
    if (!begins_statement(i) || is_any(i, nested) || (end = end_of_statement(i)) <= i)
        return;
    if (is_call_statement(i, end)) {
        const char *name = source + token[i].at;
        bool gives_back = memmem(name, token[i].len, "unlock", 6) ||
                          memmem(name, token[i].len, "restore", 7) ||
                          memmem(name, token[i].len, "leave", 5);
        drop(gives_back ? "unlock" : "call", i, end);
    } else if (is(i, "return") && end > i + 1) {
        if (end > i + 2 || !is_constant_zero(i + 1)) {
            struct fault fault = {.operator= "return", .place = i};
            fault.edit[0].at = token[i + 1].at;
            fault.edit[0].remove = token[end].at - token[i + 1].at;
            snprintf(fault.edit[0].text, sizeof(fault.edit[0].text), "0");
            emit(&fault);
        }
    } else if (is_any(i, jumps)) {
        drop("jump", i, end);
    } else if (is_assignment(i, end)) {
        drop("assign", i, end);
    }
}

static bool is_a_count(int i)
{
    static const char *const names[] = {"order", "size",  "count", "nr",       "len",   "length",
                                        "pages", "bytes", "n",     "pfn",      "index", "slot",
                                        "num",   "align", "start", "end",      "from",  "to",
                                        "at",    "nid",   "want",  "nr_pages", NULL};
    return is_any(i, names) || (is_word(i) && memcmp(source + token[i].at, "nr_", 3) == 0);
}

static void operators_of_arguments(int i)
{
    static const char *const lists[] = {"QR_MIN", "QR_MAX", NULL};
    struct argument one, two;
    int first = i + 2;

    if (!is_call(i) || is(first, ")"))
        return;
    while (argument_at(first, &one)) {
        if (one.first == one.last && is_a_count(one.first)) {
            struct fault fault = {.operator= "off-by-one", .place = one.first};
            fault.edit[0].at = token[one.last].at + token[one.last].len;
            snprintf(fault.edit[0].text, sizeof(fault.edit[0].text), " + 1");
            emit(&fault);
        }
        if (!is(one.last + 1, ",") || !argument_at(one.last + 2, &two))
            return;
        first = two.first;
        if (!is_any(i, lists) && !same_text(one, two)) {
            struct fault fault = {.operator= "swap", .place = one.first};
            int len[2] = {(int)(token[one.last].at + token[one.last].len - token[one.first].at),
                          (int)(token[two.last].at + token[two.last].len - token[two.first].at)};
            if (len[0] >= 150 || len[1] >= 150)
                continue;
            fault.edit[0].at = token[one.first].at;
            fault.edit[0].remove = (size_t)len[0];
            snprintf(fault.edit[0].text, 160, "%.*s", len[1], source + token[two.first].at);
            fault.edit[1].at = token[two.first].at;
            fault.edit[1].remove = (size_t)len[1];
            snprintf(fault.edit[1].text, 160, "%.*s", len[0], source + token[one.first].at);
            emit(&fault);
        }
    }
}

static void operators_of_numbers(int i)
{
    char text[64];
    if (token[i].kind != NUMBER || token[i].len > 40)
        return;
    if (token[i].len == 1 && is(i, "0"))
        snprintf(text, sizeof(text), "1");
    else
        snprintf(text, sizeof(text), "(%.*s + 1)", (int)token[i].len, source + token[i].at);
    replace("constant", i, text);
}

static void find_faults(void)
{
    for (int i = 1; i < nr_tokens; i++) {
        const struct token *at = &token[i];
        bool defines = false;
        if (at->asserted)
            continue;
        for (int j = i; at->directive && j >= 0 && token[j].line == at->line; j--)
            defines = defines || is(j, "define");
        if (at->function < 0) {
            if (!at->directive || defines)
                operators_of_numbers(i);
            continue;
        }
        if (at->directive)
            continue;
        operators_of_pairs(i);
        operators_of_conditions(i);
        operators_of_statements(i);
        operators_of_arguments(i);
        operators_of_numbers(i);
    }
}

static void read_source(const char *path)
{
    FILE *file = fopen(path, "r");
    size_t room = 1 << 20;
    if (!file) {
        perror(path);
        exit(1);
    }
    source = calloc(1, room);
    if (!source)
        abort();
    source_len = fread(source, 1, room - 1, file);
    fclose(file);
}

int main(int argc, char **argv)
{
    bool apply = argc == 4 && strcmp(argv[1], "apply") == 0;
    if (!apply && !(argc == 3 && strcmp(argv[1], "list") == 0)) {
        fprintf(stderr, "usage: mutants list FILE | mutants apply FILE NUMBER\n");
        return 2;
    }
    read_source(argv[2]);
    if (apply)
        wanted = atoi(argv[3]);
    if (apply && wanted < 0)
        return fwrite(source, 1, source_len, stdout) != source_len;
    cut_into_tokens();
    match_brackets();
    find_functions();
    find_faults();
    if (apply)
        fprintf(stderr, "%s has %d faults, not number %s\n", argv[2], nr_faults, argv[3]);
    return apply;
}
