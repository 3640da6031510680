/* The run of spatten_top_tb for spatten_top_driver.c. */

static const uint32_t tokens_0[] = {0u, 1u, 2u, 3u, 4u, 7u, 8u, 9u};
static const uint32_t token_importance_0[] = {12943u, 7601u, 10678u, 9686u, 8695u, 4782u, 7060u, 7132u, 7234u, 6104u};
static const uint32_t heads_0[] = {0u, 1u};
static const uint32_t head_importance_0[] = {530555u, 610790u};
static const uint32_t tokens_1[] = {0u, 1u, 2u, 3u, 4u, 7u, 8u, 9u, 10u};
static const uint32_t token_importance_1[] = {6740u, 4630u, 7777u, 6145u, 4851u, 2391u, 3530u, 4263u, 4418u, 3501u, 903u};
static const uint32_t heads_1[] = {1u};
static const uint32_t head_importance_1[] = {599407u, 663756u};
static const uint32_t tokens_2[] = {0u, 1u, 2u, 3u, 4u, 7u, 8u, 9u, 10u};
static const uint32_t token_importance_2[] = {6740u, 4630u, 7777u, 6145u, 4851u, 2391u, 3530u, 4263u, 4418u, 3501u, 903u};
static const uint32_t heads_2[] = {1u};
static const uint32_t head_importance_2[] = {599407u, 663756u};
static const uint32_t tokens_3[] = {0u, 1u, 2u, 3u, 4u, 11u};
static const uint32_t token_importance_3[] = {8143u, 6720u, 8376u, 9061u, 5520u, 2391u, 3530u, 4263u, 4418u, 3501u, 903u, 515u};
static const uint32_t heads_3[] = {0u, 1u};
static const uint32_t head_importance_3[] = {677310u, 731952u};
static const uint32_t tokens_4[] = {0u, 1u, 2u, 3u, 4u, 10u, 11u};
static const uint32_t token_importance_4[] = {30920u, 17881u, 18610u, 16076u, 10141u, 2391u, 3530u, 4263u, 4418u, 3501u, 1950u, 999u};
static const uint32_t heads_4[] = {0u, 1u};
static const uint32_t head_importance_4[] = {1341271u, 1443783u};

#define CASE_TOKENS 10u
#define CASE_HEADS 2u

static const uint64_t channel_bases[] = {0u, 16777216u, 33554432u, 50331648u, 67108864u, 83886080u, 100663296u, 117440512u, 134217728u, 150994944u, 167772160u, 184549376u, 201326592u, 218103808u, 234881024u, 251658240u};

static const struct step steps[] = {
  {{SPATTEN_SUMMARISATION, false, 0, 32, 1,
     {5, 3, SPATTEN_KEYS_ALWAYS, 0, {0u}}, {4, 4, SPATTEN_VALUES_ALWAYS, 40000u},
     true, true, 2, {52134, 38}, {32768, 23},
     {true, 0, false, true, {false, 0, 0, 0}, {true, 8, 1, 2}},
     {true, 0, false, true, {false, 0, 0, 0}, {false, 0, 0, 0}},
     {12u, 580u, 48u},
     {1196u, 244u, 20u},
     {1708u, 148u, 12u},
     {2028u, 196u, 16u},
     {2444u, 196u, 16u},
     {2860u, 772u, 64u}},
   0u, 10u, 2u, 8u, 2u, tokens_0, token_importance_0, heads_0, head_importance_0,
   {32, 14, 9, 12, 12, 20, 0}},
  {{SPATTEN_GENERATION, false, 10, 32, 1,
     {5, 3, SPATTEN_KEYS_AUTO, 2148, {0u}}, {4, 4, SPATTEN_VALUES_WITH_ROW, 40000u},
     true, true, 2, {52134, 38}, {32768, 23},
     {false, 1, true, false, {false, 0, 0, 0}, {false, 0, 0, 0}},
     {false, 0, false, false, {false, 0, 0, 0}, {true, 1, 0, 0}},
     {12u, 580u, 48u},
     {1196u, 244u, 20u},
     {1708u, 148u, 12u},
     {2028u, 196u, 16u},
     {2444u, 196u, 16u},
     {4428u, 772u, 64u}},
   0u, 11u, 2u, 9u, 1u, tokens_1, token_importance_1, heads_1, head_importance_1,
   {4, 15, 5, 9, 4, 2, 1}},
  {{SPATTEN_GENERATION, false, 10, 32, 1,
     {5, 3, SPATTEN_KEYS_AUTO, 2148, {0u}}, {4, 4, SPATTEN_VALUES_WITH_ROW, 65537u},
     true, true, 2, {52134, 38}, {32768, 23},
     {false, 1, true, false, {false, 0, 0, 0}, {false, 0, 0, 0}},
     {false, 0, false, false, {false, 0, 0, 0}, {true, 1, 0, 0}},
     {12u, 580u, 48u},
     {1196u, 244u, 20u},
     {1708u, 148u, 12u},
     {2028u, 196u, 16u},
     {2444u, 196u, 16u},
     {4428u, 772u, 64u}},
   8u, 11u, 2u, 9u, 1u, tokens_2, token_importance_2, heads_2, head_importance_2,
   {0, 0, 0, 0, 0, 0, 0}},
  {{SPATTEN_GENERATION, false, 11, 32, 1,
     {5, 3, SPATTEN_KEYS_MASK, 2148, {2u}}, {4, 4, SPATTEN_VALUES_WITH_ROW, 40000u},
     true, true, 2, {52134, 38}, {32768, 23},
     {false, 0, true, false, {true, 6, 0, 1}, {false, 0, 0, 0}},
     {false, 0, false, true, {false, 0, 0, 0}, {false, 0, 0, 0}},
     {12u, 580u, 48u},
     {1196u, 244u, 20u},
     {1708u, 148u, 12u},
     {2028u, 196u, 16u},
     {2444u, 196u, 16u},
     {5996u, 772u, 64u}},
   0u, 12u, 2u, 6u, 2u, tokens_3, token_importance_3, heads_3, head_importance_3,
   {5, 11, 3, 6, 3, 2, 1}},
  {{SPATTEN_SUMMARISATION, true, 0, 32, 2,
     {5, 3, SPATTEN_KEYS_NEVER, 0, {0u}}, {4, 4, SPATTEN_VALUES_NEVER, 40000u},
     true, true, 2, {52134, 38}, {32768, 23},
     {false, 0, false, true, {true, 7, 2, 2}, {false, 0, 0, 0}},
     {false, 0, false, false, {false, 0, 0, 0}, {false, 0, 0, 0}},
     {12u, 580u, 48u},
     {1196u, 244u, 20u},
     {1708u, 148u, 12u},
     {2028u, 196u, 16u},
     {2444u, 196u, 16u},
     {7564u, 772u, 64u}},
   0u, 12u, 2u, 7u, 2u, tokens_4, token_importance_4, heads_4, head_importance_4,
   {24, 6, 0, 5, 0, 14, 0}},
};
