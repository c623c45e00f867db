// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Instructions and refusals as text. The syntax is the assembler's (asm.h): mnemonic, then the
// operands the row's letters imply, addresses as [r1+8], jump targets as @slot.

#include "base/format.h"
#include "base/string.h"
#include "engine/engine.h"

static void print_address(struct format_text *to, const struct engine_insn *insn) {
    format_append(to, "[r%u%+d]", engine_insn_address(insn), insn->off);
}

static void print_operand(struct format_text *to, const struct engine_insn *insn) {
    if (engine_insn_uses_src(insn))
        format_append(to, "r%u", insn->src);
    else if (insn->imm > -65536 && insn->imm < 65536)
        format_append(to, "%lld", (long long)insn->imm);
    else
        format_append(to, "%#llx", (unsigned long long)insn->imm);
}

static void print_wide(struct format_text *to, const struct engine_program *program,
                       const struct engine_insn *insn) {
    format_append(to, "r%u, ", insn->dst);
    switch (insn->kind) {
    case ENGINE_IMM_ARENA:
        format_append(to, "arena%+lld", (long long)insn->imm);
        break;
    case ENGINE_IMM_FUNCTION:
        format_append(to, "function %s", program->functions[insn->imm].name);
        break;
    case ENGINE_IMM_IMPORT:
        format_append(to, "import %s", program->imports[insn->imm].name);
        break;
    default:
        format_append(to, "%#llx", (unsigned long long)insn->imm);
    }
}

static void print_call(struct format_text *to, const struct engine_program *program,
                       const struct engine_insn *insn) {
    if (insn->op == ENGINE_OP_CALL_REG)
        format_append(to, "r%u", insn->dst);
    else if (insn->op == ENGINE_OP_CALL_LOCAL)
        format_append(to, "%s", program->functions[insn->imm].name);
    else
        format_append(to, "%s", program->imports[insn->imm].name);
}

static void print_operands(struct format_text *to, const struct engine_program *program,
                           const struct engine_insn *insn) {
    switch (engine_insn_effect(insn)) {
    case ENGINE_EFFECT_ALU:
        format_append(to, "r%u", insn->dst);
        if (engine_insn_info(insn)->operands != ENGINE_USES_D) {
            format_append(to, ", ");
            print_operand(to, insn);
        }
        break;
    case ENGINE_EFFECT_LDIMM:
        print_wide(to, program, insn);
        break;
    case ENGINE_EFFECT_LOAD:
        format_append(to, "r%u, ", insn->dst);
        print_address(to, insn);
        break;
    case ENGINE_EFFECT_STORE:
    case ENGINE_EFFECT_ATOMIC:
        print_address(to, insn);
        format_append(to, ", ");
        print_operand(to, insn);
        break;
    case ENGINE_EFFECT_BRANCH:
        format_append(to, "r%u, ", insn->dst);
        print_operand(to, insn);
        format_append(to, ", @%u", insn->target);
        break;
    case ENGINE_EFFECT_JUMP:
        format_append(to, "@%u", insn->target);
        break;
    case ENGINE_EFFECT_CALL:
        print_call(to, program, insn);
        break;
    default:
        break;
    }
}

size_t engine_insn_print(const struct engine_program *program, uint32_t pc, char *text,
                         size_t size) {
    struct format_text to = {text, size, 0};
    if (size)
        *text = 0;
    if (pc >= program->insn_count)
        return 0;
    const struct engine_insn *insn = &program->insns[pc];
    bool bare = insn->op == ENGINE_OP_EXIT || insn->op == ENGINE_OP_HOLE;
    format_append(&to, bare ? "%s" : "%-9s ", engine_insn_info(insn)->text);
    print_operands(&to, program, insn);
    return to.length;
}

// ---- refusals

struct refusal_text {
    const char *name, *what, *remedy;
};

static const struct refusal_text texts[ENGINE_REFUSAL_CODES] = {
    [ENGINE_REFUSED_NOTHING] = {"NOTHING", "accepted", ""},
#define ENGINE_REFUSAL(id, what, remedy) [ENGINE_REFUSED_##id] = {#id, what, remedy},
#include "engine/refusals.def"
#undef ENGINE_REFUSAL
};

const char *engine_refusal_name(enum engine_refusal_code code) {
    return (unsigned)code < ENGINE_REFUSAL_CODES ? texts[code].name : "?";
}

// The finding, with %a and %b replaced.
static void print_finding(struct format_text *to, const struct engine_refusal *refusal) {
    for (const char *p = texts[refusal->code].what; *p; p++) {
        if (p[0] == '%' && (p[1] == 'a' || p[1] == 'b'))
            format_append(to, "%lld", (long long)(*++p == 'a' ? refusal->a : refusal->b));
        else
            format_append(to, "%c", *p);
    }
    if (*refusal->name)
        format_append(to, ": %s", refusal->name);
    format_append(to, "\n");
}

static void print_place(struct format_text *to, const struct engine_refusal *refusal,
                        const struct engine_program *program) {
    char text[128];
    const struct engine_line *line = NULL;
    if (refusal->pc == ENGINE_NO_PC)
        return;
    if (program)
        line = engine_program_line_at(program, refusal->pc);
    if (line && *line->text)
        format_append(to, "    %s\n", line->text);
    format_append(to, "  at slot %u", refusal->pc);
    if (program && refusal->function < program->function_count)
        format_append(to, " of %s", program->functions[refusal->function].name);
    if (program) {
        engine_insn_print(program, refusal->pc, text, sizeof(text));
        format_append(to, ": %s", text);
    }
    format_append(to, "\n");
}

static void print_path(struct format_text *to, const struct engine_refusal *refusal) {
    if (!refusal->path_count)
        return;
    format_append(to, "  reached through:");
    for (uint32_t i = 0; i < refusal->path_count && i < ENGINE_PATH_MAX; i++)
        format_append(to, " %u%s", refusal->path[i] >> 1,
                      refusal->path[i] & 1 ? " taken" : " not taken");
    format_append(to, "\n");
}

size_t engine_refusal_print(const struct engine_refusal *refusal,
                            const struct engine_program *program, char *text, size_t size) {
    struct format_text to = {text, size, 0};
    const struct refusal_text *general = &texts[refusal->code];
    if (*refusal->file)
        format_append(&to, "%s:%u:%u: ", refusal->file, refusal->line, refusal->column);
    format_append(&to, "refused (%s): ", general->name);
    print_finding(&to, refusal);
    print_place(&to, refusal, program);
    for (unsigned i = 0; i < ENGINE_REGISTERS; i++) {
        if (refusal->facts_valid >> i & 1)
            format_append(&to, "  r%u is %s%s\n", i, refusal->facts[i].text,
                          i == refusal->reg ? "   <- this one" : "");
    }
    print_path(&to, refusal);
    if (*refusal->missing)
        format_append(&to, "  missing: %s\n", refusal->missing);
    format_append(&to, "  to make it pass: %s\n",
                  *refusal->supply ? refusal->supply : general->remedy);
    return to.length;
}
