belfry_unit_test(lines belfry_mail)
belfry_unit_test(smtp_reply belfry_mail)
