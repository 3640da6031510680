// Purpose      brings the requests of {{ ports }} port{% if ports != 1 %}s{% endif %} to {{ channels }} memory channel{% if channels != 1 %}s{% endif %} and the sectors back. Sector s lives in channel
//              s mod CHANNELS; each channel answers in the order of its requests, so a tag (port, slot) that waits in a
//              FIFO beside the channel tells whose sector comes back.
// Protocol     port_* and channel_* are valid/ready streams, one a port or a channel, side by side in vectors; a write to a
//              port is always taken. A request that is offered to a channel stays until it is taken, whatever else
//              happens.
// Classes      {% if classes > 1 %}ports are of two classes, by the parity of the ones in their number, so that sectors which alternate between
//              channels alternate within both. Each class has queues of its own beside each channel, for requests
//              and for sectors; so a channel takes up to two requests a cycle and gives up to two sectors a cycle,
//              which makes up for ports and channels that have only one thing to offer at a time.{% else %}one port has no need of a second queue beside a channel.{% endif %}
// Latency      a request taken in cycle t is offered to an idle channel in t+2; a sector taken from a channel in cycle t is
//              written in t+2.
// Throughput   a request and a sector per channel and cycle; a request and a sector per port and cycle.
// Clear        `clear` forgets all requests that no channel has been offered. While `drop` is high, and in the cycle of
//              `clear`, sectors that come back are dropped; `idle` says that none is owed.
// Reset        forgets everything, as the memory must. Payloads have no reset: valid bits qualify them.

module sector_crossbar (
    input  wire         clk,
    input  wire         {{ rst.port }},
    input  wire         clear,
    input  wire         drop,
    output wire         idle,

    // Requests of the ports.
    input  wire [{{ ports - 1 }}:0] port_valid,
    output wire [{{ ports - 1 }}:0] port_ready,
    input  wire [{{ ports * sector_w - 1 }}:0] port_sector,
    input  wire [{{ ports * slot_w - 1 }}:0] port_slot,

    // Sectors for the ports.
    output wire [{{ ports - 1 }}:0] write_valid,
    output wire [{{ ports * slot_w - 1 }}:0] write_slot,
    output wire [{{ ports * 256 - 1 }}:0] write_data,

    // Requests to the channels: byte address within the channel, whose base is still to be added.
    output wire [{{ channels - 1 }}:0] request_valid,
    input  wire [{{ channels - 1 }}:0] request_ready,
    output wire [{{ channels * config.addr_width - 1 }}:0] request_address,

    // Sectors from the channels.
    input  wire [{{ channels - 1 }}:0] response_valid,
    output wire [{{ channels - 1 }}:0] response_ready,
    input  wire [{{ channels * 256 - 1 }}:0] response_data
);

  localparam PORTS     = {{ ports }};
  localparam CHANNELS  = {{ channels }};
  {% if channels > 1 %}
  localparam CHANNEL_W = {{ channel_w }};
  {% endif %}
  localparam ADDR_W    = {{ config.addr_width }};
  localparam SECTOR_W  = {{ sector_w }};
  localparam LOCAL_W   = {{ local_w }};  // bits of a sector's number within its channel
  localparam SLOT_W    = {{ slot_w }};
  localparam CLASSES   = {{ classes }};
  localparam MEMBERS   = {{ members }};  // ports of a class
  localparam MEMBER_W  = {{ member_w }};
  localparam QUEUE     = {{ channel_queue }};  // requests of a class that wait for a channel
  localparam RETURNS   = {{ return_queue }};  // sectors of a class that wait for their ports
  localparam TAGS      = {{ tags }};  // requests that a channel may owe
  localparam OWED_W    = $clog2(TAGS + {{ config.ram_latency + 4 }});
  localparam DATA_W    = 256;

  {% if classes > 1 %}
  localparam [MEMBERS-1:0] ODD = {{ members }}'b{{ odd }};  // bit i: the number of ones in i
  {% endif %}

  localparam ASK_W = LOCAL_W + MEMBER_W + SLOT_W;  // a request with its tag

  // ---- ports as members of classes: member i of each class is port {{ classes }}i or its neighbour -----------------------------

  wire [        CLASSES*MEMBERS-1:0] ask_valid;
  wire [  CLASSES*MEMBERS*ASK_W-1:0] ask;
  {% if channels > 1 %}
  wire [CLASSES*MEMBERS*CHANNEL_W-1:0] ask_channel;
  {% endif %}
  // By class, channel and member: the request is for the channel; it is taken.
  wire [CLASSES*CHANNELS*MEMBERS-1:0] wanted;
  wire [CLASSES*CHANNELS*MEMBERS-1:0] granted;
  // By class, member and channel: the channel has a sector for the member; it is taken.
  wire [CLASSES*MEMBERS*CHANNELS-1:0] offered;
  wire [CLASSES*MEMBERS*CHANNELS-1:0] fetched;
  // By class and channel: the sector at the head of the queue.
  wire [        CLASSES*CHANNELS-1:0] back_valid;
  wire [        CLASSES*CHANNELS-1:0] back_ready;
  wire [CLASSES*CHANNELS*MEMBER_W-1:0] back_member;
  wire [CLASSES*CHANNELS*SLOT_W-1:0] back_slot;
  wire [CLASSES*CHANNELS*DATA_W-1:0] back_data;

  genvar kind;
  genvar member;
  genvar channel;
  generate
    for (kind = 0; kind < CLASSES; kind = kind + 1) begin : g_class
      {% if channels > 1 %}
      wire [CHANNELS*SLOT_W-1:0] class_slot = back_slot[kind*CHANNELS*SLOT_W+:CHANNELS*SLOT_W];
      wire [CHANNELS*DATA_W-1:0] class_data = back_data[kind*CHANNELS*DATA_W+:CHANNELS*DATA_W];
      {% endif %}

      for (member = 0; member < MEMBERS; member = member + 1) begin : g_member
        {% if classes > 1 %}
        localparam PORT = 2 * member + (ODD[member] ? 1 - kind : kind);
        {% else %}
        localparam PORT = member;
        {% endif %}
        localparam AT   = kind * MEMBERS + member;

        if (PORT < PORTS) begin : g_port
          wire [SECTOR_W-1:0] sector = port_sector[PORT*SECTOR_W+:SECTOR_W];
          wire [SLOT_W-1:0] slot = port_slot[PORT*SLOT_W+:SLOT_W];

          localparam [31:0] NUMBER = member;

          assign ask_valid[AT] = port_valid[PORT];
          assign ask[AT*ASK_W+:ASK_W] = {sector[SECTOR_W-1-:LOCAL_W], NUMBER[MEMBER_W-1:0], slot};
          {% if channels > 1 %}
          assign ask_channel[AT*CHANNEL_W+:CHANNEL_W] = sector[CHANNEL_W-1:0];
          {% endif %}

          // A request is for one channel, so at most one grants it.
          wire [CHANNELS-1:0] takes;

          for (channel = 0; channel < CHANNELS; channel = channel + 1) begin : g_takes
            assign takes[channel] = granted[(kind*CHANNELS+channel)*MEMBERS+member];
          end

          assign port_ready[PORT] = takes != {CHANNELS{1'b0}};

          // Sectors come from one channel at a time.
          wire [CHANNELS-1:0] grant;

          round_robin #(
              .N(CHANNELS)
          ) u_turn (
              .clk    (clk),
              .{{ rst.port }}({{ rst.port }}),
              .request(offered[AT*CHANNELS+:CHANNELS]),
              .taken  (grant != {CHANNELS{1'b0}}),
              .grant  (grant)
          );

          assign fetched[AT*CHANNELS+:CHANNELS] = grant;

          {% if channels > 1 %}
          reg [SLOT_W-1:0] came_slot;
          reg [DATA_W-1:0] came_data;
          integer c;
          always @(*) begin
            came_slot = {SLOT_W{1'b0}};
            came_data = {DATA_W{1'b0}};
            for (c = 0; c < CHANNELS; c = c + 1) begin
              came_slot = came_slot | (class_slot[c*SLOT_W+:SLOT_W] & {SLOT_W{grant[c]}});
              came_data = came_data | (class_data[c*DATA_W+:DATA_W] & {DATA_W{grant[c]}});
            end
          end
          {% endif %}

          reg              write_valid_q;
          reg [SLOT_W-1:0] write_slot_q;
          reg [DATA_W-1:0] write_data_q;

          always @(posedge clk{{ rst.edge }}) begin
            if ({{ rst.active }}) write_valid_q <= 1'b0;
            else write_valid_q <= grant != {CHANNELS{1'b0}} && !clear;
          end

          always @(posedge clk) begin
            {% if channels > 1 %}
            write_slot_q <= came_slot;
            write_data_q <= came_data;
            {% else %}
            write_slot_q <= back_slot[kind*SLOT_W+:SLOT_W];
            write_data_q <= back_data[kind*DATA_W+:DATA_W];
            {% endif %}
          end

          assign write_valid[PORT] = write_valid_q;
          assign write_slot[PORT*SLOT_W+:SLOT_W] = write_slot_q;
          assign write_data[PORT*DATA_W+:DATA_W] = write_data_q;
        end else begin : g_none
          // The number of ports is odd: this class lacks its last member.
          wire unused_offered = &offered[AT*CHANNELS+:CHANNELS];

          for (channel = 0; channel < CHANNELS; channel = channel + 1) begin : g_unused
            wire unused_grant = granted[(kind*CHANNELS+channel)*MEMBERS+member];
          end

          assign ask_valid[AT]           = 1'b0;
          assign ask[AT*ASK_W+:ASK_W]    = {ASK_W{1'b0}};
          {% if channels > 1 %}
          assign ask_channel[AT*CHANNEL_W+:CHANNEL_W] = {CHANNEL_W{1'b0}};
          {% endif %}
          assign fetched[AT*CHANNELS+:CHANNELS] = {CHANNELS{1'b0}};
        end

        for (channel = 0; channel < CHANNELS; channel = channel + 1) begin : g_meet
          localparam [31:0] NUMBER  = member;
          {% if channels > 1 %}
          localparam [31:0] CHANNEL = channel;
          {% endif %}
          localparam        QUEUED  = kind * CHANNELS + channel;

          {% if channels > 1 %}
          assign wanted[QUEUED*MEMBERS+member] =
              ask_valid[AT] && ask_channel[AT*CHANNEL_W+:CHANNEL_W] == CHANNEL[CHANNEL_W-1:0];
          {% else %}
          assign wanted[QUEUED*MEMBERS+member] = ask_valid[AT];
          {% endif %}
          assign offered[AT*CHANNELS+channel] =
              back_valid[QUEUED] && back_member[QUEUED*MEMBER_W+:MEMBER_W] == NUMBER[MEMBER_W-1:0];
        end
      end
    end
  endgenerate

  // ---- channels ----------------------------------------------------------------------------------------------------

  wire [CHANNELS-1:0] none_owed;

  assign idle = none_owed == {CHANNELS{1'b1}};

  generate
    for (channel = 0; channel < CHANNELS; channel = channel + 1) begin : g_channel
      wire [      CLASSES-1:0] queued_valid;
      wire [      CLASSES-1:0] queued_ready;
      wire [CLASSES*ASK_W-1:0] queued;
      wire [      CLASSES-1:0] back_room;

      // The tag of the sector that comes next.
      wire                     tag_valid;
      {% if classes > 1 %}
      wire                     tag_class;
      {% endif %}
      wire [     MEMBER_W-1:0] tag_member;
      wire [       SLOT_W-1:0] tag_slot;
      wire                     response = response_valid[channel] && response_ready[channel];
      wire                     dropped = drop || clear;

      for (kind = 0; kind < CLASSES; kind = kind + 1) begin : g_queues
        localparam AT = kind * CHANNELS + channel;

        // One request of the class a cycle into its queue.
        wire [MEMBERS-1:0] grant;
        wire               queue_ready;
        wire               enter = grant != {MEMBERS{1'b0}} && queue_ready;

        round_robin #(
            .N(MEMBERS)
        ) u_turn (
            .clk    (clk),
            .{{ rst.port }}({{ rst.port }}),
            .request(wanted[AT*MEMBERS+:MEMBERS]),
            .taken  (enter),
            .grant  (grant)
        );

        assign granted[AT*MEMBERS+:MEMBERS] = grant & {MEMBERS{queue_ready}};

        reg [ASK_W-1:0] chosen;
        integer m;
        always @(*) begin
          chosen = {ASK_W{1'b0}};
          for (m = 0; m < MEMBERS; m = m + 1) begin
            chosen = chosen | (ask[(kind*MEMBERS+m)*ASK_W+:ASK_W] & {ASK_W{grant[m]}});
          end
        end

        reg_fifo #(
            .WIDTH(ASK_W),
            .DEPTH(QUEUE)
        ) u_queue (
            .clk       (clk),
            .{{ rst.port }}({{ rst.port }}),
            .clear     (clear),
            .push_valid(enter),
            .push_ready(queue_ready),
            .push_data (chosen),
            .pop_valid (queued_valid[kind]),
            .pop_ready (queued_ready[kind]),
            .pop_data  (queued[kind*ASK_W+:ASK_W])
        );

        reg_fifo #(
            .WIDTH(MEMBER_W + SLOT_W + DATA_W),
            .DEPTH(RETURNS)
        ) u_returns (
            .clk       (clk),
            .{{ rst.port }}({{ rst.port }}),
            .clear     (clear),
            {% if classes > 1 %}
            .push_valid(response && !dropped && tag_class == (kind != 0)),
            {% else %}
            .push_valid(response && !dropped),
            {% endif %}
            .push_ready(back_room[kind]),
            .push_data ({tag_member, tag_slot, response_data[channel*DATA_W+:DATA_W]}),
            .pop_valid (back_valid[AT]),
            .pop_ready (back_ready[AT]),
            .pop_data  ({back_member[AT*MEMBER_W+:MEMBER_W], back_slot[AT*SLOT_W+:SLOT_W],
                         back_data[AT*DATA_W+:DATA_W]})
        );

        // The sector at the head is for one member.
        wire [MEMBERS-1:0] taken;

        for (member = 0; member < MEMBERS; member = member + 1) begin : g_taken
          assign taken[member] = fetched[(kind*MEMBERS+member)*CHANNELS+channel];
        end

        assign back_ready[AT] = taken != {MEMBERS{1'b0}};
      end

      // One request a cycle to the memory{% if classes > 1 %}, from the classes in turn{% endif %}; its tag waits for the sector.
      reg  offer_valid_q;
      reg  [LOCAL_W-1:0] offer_q;
      wire tags_ready;
      wire free = !offer_valid_q || request_ready[channel];
      wire load = free && tags_ready && queued_valid != {CLASSES{1'b0}} && !clear;
      wire [ASK_W-1:0] next;
      {% if classes > 1 %}
      reg  turn_q;
      wire turn = queued_valid[turn_q] ? turn_q : !turn_q;

      assign next         = turn ? queued[ASK_W+:ASK_W] : queued[0+:ASK_W];
      assign queued_ready = {load && turn, load && !turn};

      always @(posedge clk{{ rst.edge }}) begin
        if ({{ rst.active }}) turn_q <= 1'b0;
        else if (load) turn_q <= !turn;
      end
      {% else %}

      assign next         = queued;
      assign queued_ready = load;
      {% endif %}

      always @(posedge clk{{ rst.edge }}) begin
        if ({{ rst.active }}) offer_valid_q <= 1'b0;
        else if (free) offer_valid_q <= load;
      end

      always @(posedge clk) begin
        if (load) offer_q <= next[ASK_W-1-:LOCAL_W];
      end

      assign request_valid[channel] = offer_valid_q;
      {% if channels > 1 %}
      assign request_address[channel*ADDR_W+:ADDR_W] = {{CHANNEL_W{1'b0}}, offer_q, 5'd0};
      {% else %}
      assign request_address[channel*ADDR_W+:ADDR_W] = {offer_q, 5'd0};
      {% endif %}

      stream_fifo #(
          .WIDTH({{ tag_w }}),
          .DEPTH(TAGS)
      ) u_tags (
          .clk       (clk),
          .{{ rst.port }}({{ rst.port }}),
          .push_valid(load),
          .push_ready(tags_ready),
          {% if classes > 1 %}
          .push_data ({turn, next[SLOT_W+MEMBER_W-1:0]}),
          {% else %}
          .push_data (next[SLOT_W+MEMBER_W-1:0]),
          {% endif %}
          .pop_valid (tag_valid),
          .pop_ready (response),
          {% if classes > 1 %}
          .pop_data  ({tag_class, tag_member, tag_slot})
          {% else %}
          .pop_data  ({tag_member, tag_slot})
          {% endif %}
      );

      {% if classes > 1 %}
      assign response_ready[channel] = tag_valid && (dropped || back_room[tag_class]);
      {% else %}
      assign response_ready[channel] = tag_valid && (dropped || back_room);
      {% endif %}

      // Requests offered whose sectors have not come back.
      reg [OWED_W-1:0] owed_q;

      always @(posedge clk{{ rst.edge }}) begin
        if ({{ rst.active }}) owed_q <= {OWED_W{1'b0}};
        else if (load && !response) owed_q <= owed_q + 1'b1;
        else if (response && !load) owed_q <= owed_q - 1'b1;
      end

      assign none_owed[channel] = owed_q == {OWED_W{1'b0}};
    end
  endgenerate

endmodule
