// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// triv: listings. Source lines above, each instruction with what the verifier proved of it:
//
//     safe      proved inside of its object          masked   goes through the arena mask
//     metered   costs budget when taken              checked  target looked up at run time
//     always, never   outcome of a branch            dead     never executed

#include <stdio.h>
#include <string.h>

#include "tools/triv/triv.h"

struct notes {
    struct engine_fact (*facts)[ENGINE_REGISTERS]; // per slot, or NULL
};

static const char *describe(engine_proof proof, char *text, size_t size) {
    static const struct {
        engine_proof flag;
        const char *word;
    } words[] = {
        {ENGINE_PROOF_SAFE, "safe"},       {ENGINE_PROOF_MASKED, "masked"},
        {ENGINE_PROOF_ALWAYS, "always"},   {ENGINE_PROOF_NEVER, "never"},
        {ENGINE_PROOF_DIVISOR, "divides"}, {ENGINE_PROOF_METERED, "metered"},
        {ENGINE_PROOF_CHECKED, "checked"},
    };
    size_t length = 0;
    if (!(proof & ENGINE_PROOF_REACHED))
        return "dead";
    *text = 0;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (proof & words[i].flag)
            length += (size_t)snprintf(text + length, size - length, "%s%s", length ? " " : "",
                                       words[i].word);
    }
    return text;
}

static void list_source(const struct engine_program *program, uint32_t pc,
                        const struct engine_line **last) {
    const struct engine_line *line = engine_program_line_at(program, pc);
    if (!line || line->pc != pc ||
        (*last && (*last)->line == line->line && (*last)->file == line->file))
        return;
    *last = line;
    printf("                                                ; %s:%u  %s\n",
           strrchr(line->file, '/') ? strrchr(line->file, '/') + 1 : line->file, line->line,
           line->text + strspn(line->text, " \t"));
}

static void list_facts(const struct engine_fact *facts) {
    for (unsigned i = 0; i < ENGINE_REGISTERS; i++) {
        if (*facts[i].text && strcmp(facts[i].text, "unset") != 0)
            printf("              r%-2u %s\n", i, facts[i].text);
    }
}

static void list_function(const struct engine_program *program,
                          const struct engine_verdict *verdict, uint32_t index,
                          const struct notes *notes) {
    const struct engine_function *function = &program->functions[index];
    const struct engine_line *last = NULL;
    printf("\n%s:", function->name);
    if (function->flags & ENGINE_FUNCTION_ENTRY)
        printf("  entry of %s", program->interface->hooks[function->hook].name);
    if (verdict)
        printf("  frame %u%s", verdict->functions[index].frame_size,
               verdict->functions[index].zero_frame ? ", cleared" : "");
    printf("\n");
    for (uint32_t pc = function->entry; pc < function->entry + function->length;
         pc += engine_insn_slots(&program->insns[pc])) {
        char text[128], proof[96];
        list_source(program, pc, &last);
        if (notes->facts)
            list_facts(notes->facts[pc]);
        engine_insn_print(program, pc, text, sizeof(text));
        printf("%6u  %-38s %s\n", pc, text,
               verdict ? describe(verdict->proof[pc], proof, sizeof(proof)) : "");
    }
}

static void collect(void *cookie, uint32_t pc, const struct engine_fact *facts) {
    struct notes *notes = cookie;
    memcpy(notes->facts[pc], facts, sizeof(notes->facts[pc]));
}

void triv_list(const struct engine_program *program, const struct engine_verdict *verdict,
               bool facts) {
    struct notes notes = {NULL};
    if (facts) {
        struct engine_verdict again;
        notes.facts =
            program->host.alloc(program->host.cookie, sizeof(*notes.facts) * program->insn_count);
        if (!notes.facts)
            return;
        memset(notes.facts, 0, sizeof(*notes.facts) * program->insn_count);
        struct engine_verify_options options = {.report = collect, .cookie = &notes};
        engine_verify(program, &options, &again);
        engine_verdict_free(&again);
    }
    for (uint32_t i = 0; i < program->function_count; i++)
        list_function(program, verdict && verdict->accepted ? verdict : NULL, i, &notes);
    if (notes.facts)
        program->host.free(program->host.cookie, notes.facts,
                           sizeof(*notes.facts) * program->insn_count);
}
